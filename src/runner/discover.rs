use std::io;
use std::path::{Path, PathBuf};

use crate::suite::{Diagnostic, SuiteInput};

/// Reads the suites that `paths` name: files as they are, folders with every `.yaml` and `.yml` file
/// below them, by name. Hidden files and folders are left out.
///
/// # Errors
/// Every path that cannot be read or holds no suite, as a diagnostic.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<SuiteInput>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let before = files.len();
        match collect(path, &mut files, 0) {
            Ok(()) if files.len() == before => problems.push(Diagnostic::folder_without_suites(
                &path.display().to_string(),
            )),
            Ok(()) => {}
            Err(e) => problems.push(problem(
                format!("cannot read {}: {e}", path.display()),
                "give the path of a suite file or of a folder of suites; the default is `suites/`",
            )),
        }
    }
    let mut inputs = Vec::new();
    // A file named twice, or inside a folder that is named too, is one suite.
    let mut seen = std::collections::BTreeSet::new();
    for file in files {
        if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
            continue;
        }
        match std::fs::read(&file) {
            Ok(bytes) => inputs.push(SuiteInput {
                path: file.display().to_string(),
                bytes,
            }),
            Err(e) => problems.push(problem(
                format!("cannot read {}: {e}", file.display()),
                "check that the file exists and may be read",
            )),
        }
    }
    if problems.is_empty() {
        Ok(inputs)
    } else {
        Err(problems)
    }
}

/// Folders deeper than that are taken for a loop of links.
const MAX_DEPTH: usize = 32;

fn collect(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(io::Error::other("folders nest too deeply"));
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        let hidden = entry
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let yaml = matches!(
            entry.extension().and_then(|e| e.to_str()),
            Some("yaml" | "yml")
        );
        if !hidden && (entry.is_dir() || yaml) {
            collect(&entry, files, depth + 1)?;
        }
    }
    Ok(())
}

fn problem(message: String, help: &str) -> Diagnostic {
    Diagnostic::new(message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_by_name_and_files_taken_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        std::fs::create_dir_all(root.join("deep/.hidden")).expect("folders");
        for name in [
            "b.yaml",
            "a.yml",
            "notes.txt",
            "deep/c.yaml",
            "deep/.hidden/d.yaml",
        ] {
            std::fs::write(root.join(name), name).expect("a file");
        }
        let inputs = discover(&[root.to_owned(), root.join("b.yaml")]).expect("suites");
        let names: Vec<_> = inputs
            .iter()
            .map(|i| String::from_utf8_lossy(&i.bytes).into_owned())
            .collect();
        assert_eq!(names, ["a.yml", "b.yaml", "deep/c.yaml"]);
    }

    #[test]
    fn nothing_found_is_a_problem_for_each_path() {
        let dir = tempfile::tempdir().expect("a folder");
        let problems = discover(&[dir.path().to_owned(), dir.path().join("none.yaml")])
            .expect_err("neither holds a suite");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].message.starts_with("there is no suite in"));
        assert!(problems[1].message.starts_with("cannot read"));
    }
}
