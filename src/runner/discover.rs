use std::io;
use std::path::{Path, PathBuf};

use crate::suite::{Diagnostic, SuiteInput};

/// Reads the suites that `paths` name: files as they are, folders with every `.yaml` and `.yml` file
/// below them, by name. Hidden files and folders are left out, and so is `prony.yaml`.
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

/// Name of the file that all suites of a project share.
pub const PROJECT_FILE: &str = "prony.yaml";

fn is_project(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PROJECT_FILE)
}

/// The `prony.yaml` of the suites that `paths` name: the nearest one going up from each suite's folder,
/// as far as the repository (a folder with `.git`) goes. Paths that do not exist have none.
///
/// # Errors
/// When it cannot be read, when it is misnamed, or when `paths` belong to different ones.
pub fn find_project(paths: &[PathBuf]) -> Result<Option<SuiteInput>, Diagnostic> {
    let mut found: Option<(PathBuf, &Path)> = None;
    for path in paths {
        let Some(project) = project_of(path)? else {
            continue;
        };
        match &found {
            Some((other, of)) if *other != project => {
                return Err(problem(
                    format!(
                        "{} belongs to {}, and {} to {}",
                        of.display(),
                        other.display(),
                        path.display(),
                        project.display()
                    ),
                    "run the suites of one project at a time",
                ));
            }
            _ => found = Some((project, path)),
        }
    }
    let Some((project, _)) = found else {
        return Ok(None);
    };
    match std::fs::read(&project) {
        Ok(bytes) => Ok(Some(SuiteInput {
            path: project.display().to_string(),
            bytes,
        })),
        Err(e) => Err(problem(
            format!("cannot read {}: {e}", project.display()),
            "check that the file may be read",
        )),
    }
}

fn project_of(path: &Path) -> Result<Option<PathBuf>, Diagnostic> {
    let Ok(full) = path.canonicalize() else {
        return Ok(None);
    };
    let start = if full.is_dir() {
        Some(full.as_path())
    } else {
        full.parent()
    };
    let here = std::env::current_dir().and_then(|d| d.canonicalize()).ok();
    for folder in start.into_iter().flat_map(Path::ancestors) {
        let project = folder.join(PROJECT_FILE);
        // As the user would type it, where it lies below the working directory.
        let shown = |path: &Path| match &here {
            Some(here) => path.strip_prefix(here).unwrap_or(path).to_owned(),
            None => path.to_owned(),
        };
        if project.is_file() {
            return Ok(Some(shown(&project)));
        }
        let misnamed = folder.join("prony.yml");
        if misnamed.is_file() {
            return Err(problem(
                format!("{} has the wrong name", shown(&misnamed).display()),
                "call it `prony.yaml`",
            ));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(None)
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
        if !hidden && (entry.is_dir() || yaml && !is_project(&entry)) {
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
    fn the_nearest_prony_yaml_counts_as_far_as_the_repository_goes() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a path");
        let project = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(|p| root.join(p)).collect();
            find_project(&paths).map(|found| found.map(|f| PathBuf::from(f.path)))
        };
        for folder in ["a/suites/deep", "b/.git", "b/suites"] {
            std::fs::create_dir_all(root.join(folder)).expect("folders");
        }
        for file in [
            "prony.yaml",
            "a/prony.yaml",
            "a/suites/one.yaml",
            "b/suites/two.yaml",
        ] {
            std::fs::write(root.join(file), "secrets: []").expect("a file");
        }
        let of_a = Ok(Some(root.join("a/prony.yaml")));
        assert_eq!(project(&["a/suites"]), of_a);
        assert_eq!(project(&["a/suites/deep", "a/suites/one.yaml"]), of_a);
        assert_eq!(project(&["b/suites"]), Ok(None));
        let both = project(&["a/suites", "."]).expect_err("two projects");
        assert!(both.message.contains("belongs to"), "{both}");
        std::fs::write(root.join("b/prony.yml"), "").expect("a file");
        assert!(project(&["b/suites/two.yaml"]).is_err());
        std::fs::write(root.join("a/suites/prony.yaml"), "").expect("a file");
        let suites = discover(&[root.join("a/suites")]).expect("suites");
        assert_eq!(suites.len(), 1, "it is no suite");
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
