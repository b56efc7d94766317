use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::baseline::{BaselineFile, read};

/// Longest file of a zip that is read as a baseline, in bytes.
const LONGEST: u64 = 4 << 20;

/// Candidates that a run left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Their file names (with the variant), and what they say.
    pub files: Vec<(String, BaselineFile)>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// The candidates of a results folder, or of a zip with results folders in it, as CI systems hand out
/// artefacts.
///
/// # Errors
/// When there is neither, or it cannot be read.
pub fn candidates_of(from: &Path) -> io::Result<Candidates> {
    let mut found = if from.is_dir() {
        in_folder(from)?
    } else {
        in_zip(from)?
    };
    found.files.sort_by_key(|(_, file)| file.full_name());
    Ok(found)
}

fn take(found: &mut Candidates, path: &Path, text: &str) {
    match read(text) {
        Ok(file) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            found.files.push((name.into_owned(), file));
        }
        Err(e) => found.problems.push(format!("{} {e}", path.display())),
    }
}

/// `baselines/<suite>/<file>.json` below some results folder.
fn is_candidate(path: &Path) -> bool {
    let names: Vec<_> = path.iter().map(|n| n.to_string_lossy()).collect();
    let json = path.extension().is_some_and(|e| e == "json");
    json && names.len() >= 3 && names[names.len() - 3] == "baselines"
}

fn in_folder(folder: &Path) -> io::Result<Candidates> {
    let mut found = Candidates::default();
    let mut left: Vec<PathBuf> = vec![folder.join("baselines")];
    while let Some(dir) = left.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", dir.display()))),
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else if is_candidate(&path) {
                let text = std::fs::read_to_string(&path)?;
                take(&mut found, &path, &text);
            }
        }
    }
    Ok(found)
}

fn in_zip(path: &Path) -> io::Result<Candidates> {
    let named = |e: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {e}", path.display()),
        )
    };
    let file = std::fs::File::open(path).map_err(|e| named(&e))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|e| {
        named(&format!(
            "{e}; a results folder or a zip with one is expected"
        ))
    })?;
    let mut found = Candidates::default();
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|e| named(&e))?;
        let name = PathBuf::from(entry.name().map_err(|e| named(&e))?.into_owned());
        if entry.is_dir() || !is_candidate(&Path::new("/").join(&name)) {
            continue;
        }
        let mut text = String::new();
        match entry.take(LONGEST).read_to_string(&mut text) {
            Ok(_) => take(&mut found, &name, &text),
            Err(e) => found.problems.push(format!("{}: {e}", name.display())),
        }
    }
    Ok(found)
}
