use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::plan::Case;
use crate::suite::{Target, TargetUrl};
use crate::text::slug;

/// How often a lock that is taken is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a case needs to itself while it is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The machine alone: the embedded engine computes where prony measures. Otherwise the machine is
    /// shared with measurements of other targets.
    machine: bool,
    /// Addresses of targets, in an order that is the same for everyone.
    targets: BTreeSet<String>,
}

impl Needs {
    /// What `case` needs.
    pub fn of(case: &Case) -> Self {
        let targets = case.phases.iter().map(|phase| phase.target(case));
        Self::of_targets(targets)
    }

    fn of_targets<'a>(targets: impl Iterator<Item = &'a Target>) -> Self {
        let mut needs = Needs {
            machine: false,
            targets: BTreeSet::new(),
        };
        for target in targets {
            match &target.url {
                TargetUrl::Sim(_) => needs.machine = true,
                TargetUrl::Http(url) => {
                    needs.targets.insert(address(url));
                }
            }
        }
        needs
    }
}

/// Host and port of a target. One server has one lock, whatever path it is asked under.
fn address(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or("").to_lowercase();
    let host = match host.as_str() {
        "localhost" | "[::1]" | "127.0.0.1" | "0.0.0.0" => "localhost",
        other => other,
    };
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Holds what a case needs to itself until it is dropped, or its process ends, however that happens.
#[derive(Debug)]
pub struct MeasuringLock {
    _held: Vec<File>,
}

/// Waits until nobody else measures the same target (the operating system's locks, on files in
/// `folder`). `stop` is asked while it waits: `None` is returned once it says so. `say` is told when it
/// has to wait, and for how long it did.
///
/// # Errors
/// When a lock file can neither be opened nor made.
pub fn acquire(
    needs: &Needs,
    folder: &Path,
    stop: &dyn Fn() -> bool,
    say: &mut dyn FnMut(&str),
) -> io::Result<Option<MeasuringLock>> {
    let mut wanted = vec![("prony-machine".to_owned(), "this machine", !needs.machine)];
    wanted.extend(
        needs
            .targets
            .iter()
            .map(|address| (format!("prony-{}", slug(address)), address.as_str(), false)),
    );
    let mut held = Vec::new();
    for (name, what, shared) in wanted {
        let path = folder.join(name + ".lock");
        let file = open(&path)?;
        match wait(&file, what, shared, stop, say) {
            Ok(true) => held.push(file),
            Ok(false) => return Ok(None),
            Err(e) => {
                return Err(io::Error::new(
                    e.kind(),
                    format!("cannot lock {}: {e}", path.display()),
                ));
            }
        }
    }
    Ok(Some(MeasuringLock { _held: held }))
}

/// Where lock files stand: a folder that all processes of the machine agree on.
pub fn lock_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Whether the lock was taken; not, if `stop` said so first.
fn wait(
    file: &File,
    what: &str,
    shared: bool,
    stop: &dyn Fn() -> bool,
    say: &mut dyn FnMut(&str),
) -> io::Result<bool> {
    let mut waiting: Option<Instant> = None;
    loop {
        let tried = if shared {
            file.try_lock_shared()
        } else {
            file.try_lock()
        };
        match tried {
            Ok(()) => {
                if let Some(since) = waiting {
                    let seconds = since.elapsed().as_secs_f64();
                    say(&format!(
                        "waited {seconds:.1} s, which is not part of what is measured"
                    ));
                }
                return Ok(true);
            }
            Err(TryLockError::WouldBlock) => {
                if stop() {
                    return Ok(false);
                }
                if waiting.is_none() {
                    say(&format!(
                        "waiting: {what} is being measured by somebody else"
                    ));
                    waiting = Some(Instant::now());
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// Opens a lock file, or makes it so that every user of the machine can open it. One that is there is
/// only read: in a shared folder others' files cannot be written, and links are not followed to
/// places where something would be made.
fn open(path: &Path) -> io::Result<File> {
    let named = |e: io::Error| {
        io::Error::new(
            e.kind(),
            format!("cannot open the lock file {}: {e}", path.display()),
        )
    };
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other.map_err(named),
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => File::open(path),
        other => other,
    }
    .map_err(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(machine: bool, targets: &[&str]) -> Needs {
        Needs {
            machine,
            targets: targets.iter().map(|&t| t.to_owned()).collect(),
        }
    }

    fn at_once(needs: &Needs, folder: &Path) -> Option<MeasuringLock> {
        acquire(needs, folder, &|| true, &mut |_| ()).unwrap()
    }

    #[test]
    fn one_server_has_one_lock_whatever_it_is_called() {
        let of = |text: &str| address(&text.parse().unwrap());
        assert_eq!(of("http://LOCALHOST:8000/v1"), of("http://127.0.0.1:8000"));
        assert_eq!(of("https://h/v1"), "h:443");
        assert_ne!(of("http://h:1"), of("http://h:2"));
    }

    #[test]
    fn a_target_is_measured_by_one_at_a_time_and_others_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let held = at_once(&needs(false, &["h:1"]), dir.path());
        assert!(held.is_some());
        assert!(at_once(&needs(false, &["h:1"]), dir.path()).is_none());
        assert!(at_once(&needs(false, &["h:2"]), dir.path()).is_some());
        drop(held);
        assert!(at_once(&needs(false, &["h:1"]), dir.path()).is_some());
    }

    #[test]
    fn the_embedded_engine_wants_the_machine_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        let engine = at_once(&needs(true, &[]), dir.path());
        assert!(engine.is_some());
        assert!(at_once(&needs(true, &[]), dir.path()).is_none());
        assert!(at_once(&needs(false, &["h:1"]), dir.path()).is_none());
    }

    #[test]
    fn a_lock_that_is_not_got_leaves_none_behind() {
        let dir = tempfile::tempdir().unwrap();
        let b = at_once(&needs(false, &["b"]), dir.path());
        assert!(b.is_some());
        assert!(at_once(&needs(false, &["a", "b"]), dir.path()).is_none());
        assert!(at_once(&needs(false, &["a"]), dir.path()).is_some());
    }

    #[test]
    fn waiting_is_said_once_and_ends_with_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let want = needs(false, &["h:1"]);
        let mut held = at_once(&want, dir.path());
        let mut said = Vec::new();
        let other = std::cell::RefCell::new(&mut held);
        let tries = std::cell::Cell::new(0);
        // The other one lets go after it was found in the way three times.
        let stop = || {
            tries.set(tries.get() + 1);
            if tries.get() == 3 {
                **other.borrow_mut() = None;
            }
            false
        };
        let got = acquire(&want, dir.path(), &stop, &mut |line| {
            said.push(line.to_owned());
        });
        assert!(got.unwrap().is_some());
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("h:1") && said[1].contains("not part of what is measured"));
    }
}
