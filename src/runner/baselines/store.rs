use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::baseline::{BaselineFile, accepted, differences, not_comparable, read, write};
use crate::runner::folder::write_atomically;
use crate::text::slug;

/// What a proposed file's name ends with, behind the accepted one's.
const PENDING: &str = ".new";

/// The folder of accepted results: `SUITE/SLUG[@VARIANT].json`, proposals beside them as `….json.new`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// What a store has for a case on a machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where the accepted file is, or would be.
    pub path: PathBuf,
    /// The accepted baseline; what is wrong with the file, in words.
    pub accepted: Option<Result<BaselineFile, String>>,
    /// There is none for this machine, but these for others.
    pub others: Vec<BaselineFile>,
    /// A proposal waits for a person.
    pub pending: bool,
}

/// A file of a store, proposal and accepted one together.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the accepted file is, or would be.
    pub path: PathBuf,
    /// The accepted baseline.
    pub accepted: Option<Result<BaselineFile, String>>,
    /// What a run proposes.
    pub pending: Option<Result<BaselineFile, String>>,
}

impl Entry {
    /// What the file is about: the case's full name, else the file's own.
    pub fn name(&self) -> String {
        match self.file() {
            Some(file) => file.full_name(),
            None => self.path.display().to_string(),
        }
    }

    /// The accepted file, else the proposed one, if it can be read.
    pub fn file(&self) -> Option<&BaselineFile> {
        let readable = |f: &'_ Option<Result<BaselineFile, String>>| matches!(f, Some(Ok(_)));
        let side = if readable(&self.accepted) {
            &self.accepted
        } else {
            &self.pending
        };
        side.as_ref().and_then(|f| f.as_ref().ok())
    }
}

/// The slug of a case by its suite and its name.
pub fn full_slug(suite: &str, case: &str) -> String {
    slug(&format!("{suite}::{case}"))
}

impl Store {
    /// The store in `root`, which need not be there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Store { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the accepted file of a case is, or would be.
    pub fn path(&self, suite: &str, slug: &str, variant: Option<&str>) -> PathBuf {
        self.root.join(suite).join(file_name(slug, variant))
    }

    /// What there is for a case on the machine `variant`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(&self, suite: &str, slug: &str, variant: Option<&str>) -> io::Result<Found> {
        let own = self.path(suite, slug, variant);
        let plain = self.path(suite, slug, None);
        let path = if own.exists() || !plain.exists() {
            own
        } else {
            // A file without a variant stands for any machine; what it was measured on, it says.
            plain
        };
        let accepted = load(&path);
        let others = if accepted.is_none() {
            self.variants(suite, slug)?
        } else {
            Vec::new()
        };
        Ok(Found {
            pending: pending(&path).exists(),
            path,
            accepted,
            others,
        })
    }

    /// The accepted files of a case on whatever machine, as far as they can be read.
    fn variants(&self, suite: &str, slug: &str) -> io::Result<Vec<BaselineFile>> {
        let begin = format!("{slug}@");
        let files = json_files(&self.root.join(suite))?;
        let of_case = files.into_iter().filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&begin)
        });
        Ok(of_case.filter_map(|path| load(&path)?.ok()).collect())
    }

    /// All files, in the order of their names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut suites = folders(&self.root)?;
        suites.sort();
        let mut entries: Vec<Entry> = Vec::new();
        for suite in suites {
            let mut paths: Vec<PathBuf> = json_files(&suite)?;
            let proposed = files_with(&suite, ".json.new")?;
            paths.extend(proposed.iter().map(|p| p.with_extension("")));
            paths.sort();
            paths.dedup();
            entries.extend(paths.into_iter().map(|path| Entry {
                accepted: load(&path),
                pending: load(&pending(&path)),
                path,
            }));
        }
        Ok(entries)
    }

    /// Puts a proposal beside the accepted file at `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn propose(&self, path: &Path, file: &BaselineFile) -> io::Result<()> {
        write_in_folder(&pending(path), file)
    }

    /// Takes away the proposal beside `path`, if there is one; whether there was.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn reject(&self, path: &Path) -> io::Result<bool> {
        match std::fs::remove_file(pending(path)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(named(&pending(path), &e)),
        }
    }

    /// Accepts `candidate` at `path`: what was accepted before leaves its noise, and the proposal goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn accept(&self, path: &Path, candidate: BaselineFile) -> io::Result<()> {
        let before = load(path).and_then(Result::ok);
        write_in_folder(path, &accepted(candidate, before.as_ref()))?;
        self.reject(path).map(drop)
    }

    /// Takes the accepted file at `from` along to a case of another name.
    ///
    /// # Errors
    /// When there is nothing to take, when something is there already, or it cannot be written.
    pub fn rename(&self, from: &Path, suite: &str, case: &str) -> io::Result<PathBuf> {
        let mut file = match load(from) {
            Some(Ok(file)) => file,
            Some(Err(e)) => return Err(io::Error::new(io::ErrorKind::InvalidData, e)),
            None => return Err(named(from, &io::Error::from(io::ErrorKind::NotFound))),
        };
        let to = self.path(suite, &full_slug(suite, case), file.variant.as_deref());
        if to.exists() {
            return Err(named(&to, &io::Error::from(io::ErrorKind::AlreadyExists)));
        }
        suite.clone_into(&mut file.suite);
        case.clone_into(&mut file.case);
        write_in_folder(&to, &file)?;
        self.remove(from)?;
        Ok(to)
    }

    /// Removes an accepted file with its proposal.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.reject(path)?;
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(named(path, &e)),
            _ => {}
        }
        // The folder of a suite that has no file any more says nothing.
        if let Some(folder) = path.parent() {
            drop(std::fs::remove_dir(folder));
        }
        Ok(())
    }
}

impl Found {
    /// How this machine is another one than that of all accepted files.
    ///
    /// `identity` is that of the first phase, `answers` that of what the case answers as a whole, which
    /// counts where nothing else was accepted.
    pub fn elsewhere(
        &self,
        identity: &BTreeMap<String, String>,
        answers: &BTreeMap<String, String>,
    ) -> Option<String> {
        let of = |file: &BaselineFile| match (file.phases.first(), &file.answers) {
            (Some(phase), _) => Some(differences(&phase.identity, identity)),
            (None, Some(of)) => Some(differences(&of.identity, answers)),
            (None, None) => None,
        };
        let nearest = self.others.iter().filter_map(of).min_by_key(Vec::len)?;
        Some(if nearest.is_empty() {
            "not comparable (accepted under another variant)".to_owned()
        } else {
            not_comparable(&nearest)
        })
    }
}

/// `SLUG[@VARIANT].json`, the variant in characters that file systems take.
fn file_name(slug: &str, variant: Option<&str>) -> String {
    match variant.map(folded).filter(|v| !v.is_empty()) {
        Some(variant) => format!("{slug}@{variant}.json"),
        None => format!("{slug}.json"),
    }
}

fn folded(variant: &str) -> String {
    let mut out = String::new();
    for c in variant.chars().map(|c| c.to_ascii_lowercase()) {
        let keep = c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        match (keep, out.ends_with('-')) {
            (true, _) => out.push(c),
            (false, false) if !out.is_empty() => out.push('-'),
            _ => {}
        }
    }
    out.trim_end_matches('-').chars().take(60).collect()
}

fn pending(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PENDING);
    path.with_file_name(name)
}

/// The baseline in a file; `None`: there is no such file.
pub(super) fn load(path: &Path) -> Option<Result<BaselineFile, String>> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Some(read(&text).map_err(|e| format!("{shown} {e}"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => Some(Err(format!("{shown} cannot be read: {e}"))),
    }
}

/// Writes a baseline and the folder that it is in.
pub(super) fn write_in_folder(path: &Path, file: &BaselineFile) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| named(folder, &e))?;
    }
    write_atomically(path, write(file).as_bytes())
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let all = entries(root)?;
    Ok(all.into_iter().filter(|p| p.is_dir()).collect())
}

fn json_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = files_with(folder, ".json")?;
    files.sort();
    Ok(files)
}

fn files_with(folder: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let all = entries(folder)?;
    let ends = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(end) && !name.starts_with('.')
    };
    Ok(all
        .into_iter()
        .filter(ends)
        .filter(|p| p.is_file())
        .collect())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all = match std::fs::read_dir(folder) {
        Ok(all) => all,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(named(folder, &e)),
    };
    all.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::samples::{file, phase, regressed, runs};

    fn sample() -> BaselineFile {
        file(phase(&runs(3, 1.0, false)))
    }

    #[test]
    fn files_are_named_by_case_and_machine() {
        let store = Store::new("baselines");
        let path = |variant| store.path("chat", "chat-steady-95326e6f", variant);
        assert_eq!(
            path(None),
            Path::new("baselines/chat/chat-steady-95326e6f.json")
        );
        assert_eq!(
            path(Some("NVIDIA H100 80GB/../x")),
            Path::new("baselines/chat/chat-steady-95326e6f@nvidia-h100-80gb-..-x.json")
        );
        assert_eq!(path(Some("///")), path(None));
    }

    #[test]
    fn a_proposal_waits_beside_and_is_accepted_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let slug = full_slug("chat", "steady");
        let path = store.path("chat", &slug, Some("sim/quick"));
        store.propose(&path, &regressed()).unwrap();
        let found = store.find("chat", &slug, Some("sim/quick")).unwrap();
        assert!(found.pending && found.accepted.is_none());
        assert_eq!(store.entries().unwrap()[0].name(), "chat::steady");
        store.accept(&path, regressed()).unwrap();
        let found = store.find("chat", &slug, Some("sim/quick")).unwrap();
        assert!(!found.pending);
        let accepted = found.accepted.unwrap().unwrap();
        assert_eq!(accepted.proposal, None);
        store.propose(&path, &sample()).unwrap();
        assert!(store.reject(&path).unwrap());
        assert!(!store.reject(&path).unwrap());
        assert_eq!(store.entries().unwrap().len(), 1);
    }

    #[test]
    fn a_file_without_a_machine_stands_for_any() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let slug = full_slug("chat", "steady");
        store
            .accept(&store.path("chat", &slug, None), sample())
            .unwrap();
        let found = store.find("chat", &slug, Some("H100")).unwrap();
        assert!(found.accepted.is_some() && found.path.ends_with(format!("{slug}.json")));
    }

    #[test]
    fn files_of_other_machines_are_found_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let slug = full_slug("chat", "steady");
        let path = store.path("chat", &slug, Some("sim/quick"));
        store.accept(&path, sample()).unwrap();
        let found = store.find("chat", &slug, Some("H200")).unwrap();
        assert!(found.accepted.is_none());
        let mut identity = sample().phases[0].identity.clone();
        identity.insert("accelerator".into(), "H200".into());
        assert_eq!(
            found.elsewhere(&identity, &BTreeMap::new()).unwrap(),
            "not comparable (accelerator: sim/quick → H200)"
        );
    }

    #[test]
    fn a_renamed_case_takes_its_file_along() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let path = store.path("chat", &full_slug("chat", "steady"), Some("sim/quick"));
        store.accept(&path, sample()).unwrap();
        let to = store.rename(&path, "talk", "calm").unwrap();
        assert!(!path.exists() && !dir.path().join("chat").exists());
        let moved = load(&to).unwrap().unwrap();
        assert_eq!(moved.full_name(), "talk::calm");
        assert!(store.rename(&path, "talk", "calm").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let path = store.path("chat", "x", None);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "{").unwrap();
        let found = store.find("chat", "x", None).unwrap();
        let problem = found.accepted.unwrap().unwrap_err();
        assert!(problem.contains("x.json is no JSON"), "{problem}");
    }
}
