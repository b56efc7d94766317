use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::rebuild::read_folder;
use crate::result::{
    CaseResult, CaseSeries, RunInfo, RunResult, SERIES_SCHEMA, SUMMARY_SCHEMA, SeriesFile,
};

/// A results folder that is being written: `results/<run-id>/`.
#[derive(Debug)]
pub struct ResultsFolder {
    path: PathBuf,
    _claim: Option<Claim>,
}

/// A fresh run id: UTC to the second, and four letters that keep runs of one second apart.
pub fn new_run_id(now: jiff::Timestamp) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut seed = [0; 32];
    // The standard library's hasher is seeded by the operating system: randomness without a crate.
    let random = std::hash::BuildHasher::hash_one(
        &std::collections::hash_map::RandomState::new(),
        std::process::id(),
    );
    seed[..8].copy_from_slice(&random.to_le_bytes());
    let mut rng = rand_chacha::ChaCha8Rng::from_seed(seed);
    let tail: String = (0..4)
        .map(|_| char::from(LETTERS[(rng.next_u32() % 32) as usize]))
        .collect();
    format!("{}-{tail}", now.strftime("%Y%m%dT%H%M%SZ"))
}

impl ResultsFolder {
    /// Creates `results/<id>/` with its first `summary.json` and `suite.yaml`, and points
    /// `results/latest` at it. A folder that another process of the same run has made is taken over:
    /// its `summary.json` stays, its `suite.yaml` gets the suites that are not in it yet.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn create(results: &Path, info: &RunInfo, suites: &str) -> io::Result<Self> {
        let path = results.join(&info.id);
        make_folder(&path.join("cases"))?;
        // Shared: several processes can be at work on one run.
        let claim = File::open(&path).ok();
        let claim = claim.filter(|f| f.try_lock_shared().is_ok()).map(Claim);
        let folder = ResultsFolder {
            path,
            _claim: claim,
        };
        let locked = folder.lock()?;
        match std::fs::read_to_string(folder.path.join("suite.yaml")) {
            Ok(there) if there.contains(suites) => {}
            Ok(there) => folder.write("suite.yaml", format!("{there}---\n{suites}").as_bytes())?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                folder.write("suite.yaml", suites.as_bytes())?;
            }
            Err(e) => return Err(named(&folder.path.join("suite.yaml"), &e)),
        }
        if !folder.path.join("summary.json").exists() {
            let first = RunResult {
                schema: SUMMARY_SCHEMA,
                run: info.clone(),
                cases: Vec::new(),
                configurations: Vec::new(),
            };
            folder.write_json("summary.json", &first)?;
        }
        drop(locked);
        point_latest(results, &info.id)?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of a case and returns the path of its records.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin_case(&self, placeholder: &CaseResult) -> io::Result<PathBuf> {
        let dir = self.path.join("cases").join(&placeholder.slug);
        make_folder(&dir)?;
        write_atomically(&dir.join("result.json"), &json(placeholder)?)?;
        Ok(dir.join("requests.jsonl"))
    }

    /// Writes what a case came to, and the run's files anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_case(&self, case: &CaseResult, series: &CaseSeries) -> io::Result<()> {
        let dir = self.path.join("cases").join(&case.slug);
        make_folder(&dir)?;
        if !series.phases.is_empty() {
            write_atomically(&dir.join("series.json"), &json(series)?)?;
        }
        write_atomically(&dir.join("result.json"), &json(case)?)?;
        self.refresh(|_| ()).map(drop)
    }

    /// Says to other processes, until it is dropped or this one ends, that the case is being measured
    /// and not left behind. `None` where the system cannot lock folders.
    ///
    /// # Errors
    /// When the case's folder cannot be made.
    pub fn claim_case(&self, slug: &str) -> io::Result<Option<Claim>> {
        let dir = self.path.join("cases").join(slug);
        make_folder(&dir)?;
        let file = File::open(&dir).ok();
        Ok(file.filter(|f| f.try_lock().is_ok()).map(Claim))
    }

    /// Takes the folder's lock, so that several processes can make one run.
    ///
    /// # Errors
    /// When there is no getting it.
    pub fn lock(&self) -> io::Result<LockedFolder<'_>> {
        let path = self.path.join(".lock");
        let lock = File::create(&path)
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|e| named(&path, &e))?;
        Ok(LockedFolder {
            folder: self,
            _lock: lock,
        })
    }

    /// [`LockedFolder::refresh`] for one who has nothing else to write.
    ///
    /// # Errors
    /// As there.
    pub fn refresh(
        &self,
        change: impl FnOnce(&mut RunInfo),
    ) -> io::Result<(RunResult, SeriesFile)> {
        self.lock()?.refresh(change)
    }

    /// Writes one file of the folder, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&self.path.join(name), bytes)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.write(name, &json(value)?)
    }
}

/// A results folder that no other process changes meanwhile.
#[derive(Debug)]
pub struct LockedFolder<'a> {
    folder: &'a ResultsFolder,
    _lock: File,
}

impl LockedFolder<'_> {
    /// Makes `summary.json` and `metrics.json` anew from the folder's cases, `change` applied to the
    /// run's own part.
    ///
    /// # Errors
    /// When something cannot be read or written.
    pub fn refresh(
        &self,
        change: impl FnOnce(&mut RunInfo),
    ) -> io::Result<(RunResult, SeriesFile)> {
        let (mut result, series) = read_folder(&self.folder.path)?;
        change(&mut result.run);
        self.folder.write_json("summary.json", &result)?;
        self.folder.write_json(
            "metrics.json",
            &SeriesFile {
                schema: SERIES_SCHEMA,
                cases: series.cases.clone(),
            },
        )?;
        Ok((result, series))
    }
}

/// A lock of the operating system on a folder: it says that a process is at work there, and goes
/// with that process, however it ends.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held, not used")] File);

/// Whether a process is measuring the case of that folder right now.
pub fn case_is_claimed(dir: &Path) -> bool {
    // Systems that cannot open or lock folders have no claims.
    File::open(dir).is_ok_and(|f| matches!(f.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether the run of that results folder was left behind: it never said that it had finished, and no
/// process is at work on it.
pub fn run_is_left_behind(path: &Path, run: &RunInfo) -> bool {
    let at_work =
        || File::open(path).is_ok_and(|f| matches!(f.try_lock(), Err(TryLockError::WouldBlock)));
    run.finished_at.is_none() && !at_work()
}

fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes beside the place and renames: a reader sees the old file or the new one, never half.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create(&beside).and_then(|mut f| f.write_all(bytes));
    written
        .and_then(|()| std::fs::rename(&beside, path))
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))
        .map_err(|e| named(path, &e))
}

fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path).map_err(|e| named(path, &e))
}

/// The error, with the path it is about.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn point_latest(results: &Path, id: &str) -> io::Result<()> {
    let beside = results.join(format!(".latest.{}.tmp", std::process::id()));
    drop(std::fs::remove_file(&beside));
    let latest = results.join("latest");
    std::os::unix::fs::symlink(id, &beside)
        .and_then(|()| std::fs::rename(&beside, &latest))
        .map_err(|e| named(&latest, &e))
}

#[cfg(not(unix))]
fn point_latest(results: &Path, id: &str) -> io::Result<()> {
    write_atomically(&results.join("latest"), id.as_bytes())
}
