use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::result::{Host, OwnError};

/// Format of the file.
const SCHEMA: u32 = 1;

/// What `doctor` found out about this client earlier, one entry per machine, version and transport.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    schema: u32,
    entries: Vec<Known>,
}

/// An entry of the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The machine.
    pub host: Host,
    /// prony's version.
    pub version: String,
    /// `release`, or `debug`, which is several times slower.
    pub build: String,
    /// The transport's name in results.
    pub transport: String,
    /// What was found.
    pub own_error: OwnError,
}

impl Known {
    /// What was found of `transport`, by this program on `host`.
    pub fn new(host: Host, transport: &str, own_error: OwnError) -> Self {
        Known {
            host,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build().to_owned(),
            transport: transport.to_owned(),
            own_error,
        }
    }

    fn is_of(&self, host: &Host, transport: &str) -> bool {
        self.host == *host
            && self.version == env!("CARGO_PKG_VERSION")
            && self.build == build()
            && self.transport == transport
    }
}

fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    }
}

/// Where findings are kept: `prony/doctor.json` under `$XDG_CACHE_HOME`, else under `~/.cache`. Absent
/// where the environment names neither.
pub fn cache_file() -> Option<PathBuf> {
    let folder = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(base.join("prony").join("doctor.json"))
}

/// What is known of `transport` on `host` from `file`; nothing where it cannot be read.
pub fn known(file: &Path, host: &Host, transport: &str) -> Option<OwnError> {
    let entries = read(file)?.entries;
    let entry = entries.into_iter().find(|e| e.is_of(host, transport))?;
    Some(entry.own_error)
}

/// Keeps `new` in `file`, in place of what was known of the same.
///
/// # Errors
/// When it cannot be written.
pub fn remember(file: &Path, new: Known) -> io::Result<()> {
    let mut all = read(file).unwrap_or_default();
    all.schema = SCHEMA;
    all.entries.retain(|e| !e.is_of(&new.host, &new.transport));
    all.entries.push(new);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_vec_pretty(&all).map_err(io::Error::other)?;
    // Whole or not at all: others may be reading.
    let partly = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&partly, text)?;
    std::fs::rename(&partly, file)
}

fn read(file: &Path) -> Option<File> {
    let found: File = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (found.schema == SCHEMA).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(name: &str) -> Host {
        Host {
            name: Some(name.to_owned()),
            ..Host::default()
        }
    }

    fn error(streams: u32) -> OwnError {
        OwnError {
            streams,
            ..OwnError::default()
        }
    }

    #[test]
    fn the_last_finding_per_machine_and_transport_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deeper/doctor.json");
        assert_eq!(known(&file, &on("a"), "reqwest"), None);
        for (host, n) in [("a", 1), ("b", 2), ("a", 3)] {
            remember(&file, Known::new(on(host), "reqwest", error(n))).unwrap();
        }
        let streams =
            |host: &str, transport: &str| known(&file, &on(host), transport).map(|e| e.streams);
        assert_eq!(streams("a", "reqwest"), Some(3));
        assert_eq!(streams("b", "reqwest"), Some(2));
        assert_eq!(streams("a", "lean"), None);
    }

    #[test]
    fn a_file_of_something_else_is_nothing_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("doctor.json");
        std::fs::write(&file, "{\"schema\":9,\"entries\":[]}").unwrap();
        assert_eq!(known(&file, &on("a"), "reqwest"), None);
        std::fs::write(&file, "not json").unwrap();
        remember(&file, Known::new(on("a"), "reqwest", error(1))).unwrap();
        assert!(known(&file, &on("a"), "reqwest").is_some());
    }
}
