//! An engine in a process of its own, and a place to run prony in.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `prony` in a folder of its own, with a cache of its own.
pub fn prony(place: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prony"));
    command
        .current_dir(place.path())
        .env("XDG_CACHE_HOME", place.path().join("cache"))
        .env_remove("API_KEY")
        .env_remove("PRONY_PROFILE")
        .stdin(Stdio::null());
    command
}

/// The embedded engine as a process; it ends with this value.
pub struct Engine {
    process: Child,
    pub url: String,
}

impl Engine {
    /// An engine with these settings, started by `command`, which [`prony`] made.
    pub fn start(place: &TempDir, mut command: Command, config: &str) -> Engine {
        let file = place.path().join("engine.yaml");
        std::fs::write(&file, config).unwrap();
        let mut process = command
            .args(["sim", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.split_whitespace().nth(1).unwrap_or_default();
        assert!(url.starts_with("http://"), "{line}");
        Engine {
            process,
            url: url.to_owned(),
        }
    }

    /// Number of its process.
    #[cfg(unix)]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
