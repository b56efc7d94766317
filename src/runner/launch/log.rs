use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::text::Redactor;

/// Lines of a log that are shown with a failure.
pub const TAIL_LINES: usize = 20;
/// A line longer than that is written in pieces.
const LONGEST_LINE: usize = 1 << 20;
/// Shorter lines of a secret of several lines are words like any other.
const SHORTEST_PART: usize = 8;
/// Characters of a line that are shown with a failure.
const SHOWN_OF_LINE: usize = 500;

/// What a launched program says: written to the results folder as it comes, line by line, without
/// secrets. It is read through a pipe rather than written by the program itself, because what is on
/// the disk is published as it is.
#[derive(Debug, Default)]
pub struct TargetLog {
    inner: Mutex<Inner>,
    /// The program and all that it started have closed their ends.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<File>,
    secrets: Vec<(String, String)>,
    redactor: Redactor,
    /// A line whose end has not come yet.
    open: Vec<u8>,
    tail: VecDeque<String>,
    ended: bool,
}

impl TargetLog {
    /// Writes to the end of the file at `path` from now on, first a line of prony's own that says
    /// `what` begins here. `secrets` are kept out besides those of earlier calls.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub fn attach(&self, path: &Path, secrets: &[(String, String)], what: &str) -> io::Result<()> {
        let mut inner = self.lock();
        for (name, value) in secrets {
            // What is read line by line shows a key of several lines line by line.
            let lines = value.lines().filter(|line| line.len() >= SHORTEST_PART);
            for part in std::iter::once(value.as_str()).chain(lines) {
                let secret = (name.clone(), part.to_owned());
                if !inner.secrets.contains(&secret) {
                    inner.secrets.push(secret);
                }
            }
        }
        inner.redactor = Redactor::new(&inner.secrets);
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let what = inner.redactor.apply(what).replace('\n', " ");
        writeln!(file, "--- prony, {}: {what}", crate::runner::now())?;
        inner.file = Some(file);
        Ok(())
    }

    /// Writes a line of prony's own.
    pub fn note(&self, what: &str) {
        let mut inner = self.lock();
        inner.end_line();
        let text = format!("--- prony, {}: {what}\n", crate::runner::now());
        inner.write(text.as_bytes());
    }

    /// Takes everything that `source` gives, on a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn follow(self: &Arc<Self>, mut source: impl Read + Send + 'static) -> io::Result<()> {
        let log = self.clone();
        std::thread::Builder::new()
            .name("target-log".to_owned())
            .spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                loop {
                    match source.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(n) => log.lock().take(&buffer[..n]),
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
                let mut inner = log.lock();
                inner.end_line();
                inner.ended = true;
                log.ended.notify_all();
            })?;
        Ok(())
    }

    /// Waits until nothing more can come, at most `timeout`.
    pub fn wait_for_end(&self, timeout: Duration) {
        drop(
            self.ended
                .wait_timeout_while(self.lock(), timeout, |inner| !inner.ended)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// The last lines, the oldest first.
    pub fn tail(&self) -> Vec<String> {
        let inner = self.lock();
        let mut tail: Vec<String> = inner.tail.iter().cloned().collect();
        if !inner.open.is_empty() {
            tail.push(inner.clean(&inner.open));
        }
        let surplus = tail.len().saturating_sub(TAIL_LINES);
        tail.split_off(surplus)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, mut bytes: &[u8]) {
        // A bar that a program draws over and over ends its lines with carriage returns.
        while let Some(end) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.open.extend_from_slice(&bytes[..=end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.open.extend_from_slice(bytes);
        if self.open.len() > LONGEST_LINE {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.open);
        let text = String::from_utf8_lossy(&line);
        let clean = self.redactor.apply(&text).into_owned();
        self.write(clean.as_bytes());
        if !clean.trim().is_empty() {
            self.tail.push_back(shorten(&clean));
            if self.tail.len() > TAIL_LINES {
                self.tail.pop_front();
            }
        }
    }

    fn clean(&self, line: &[u8]) -> String {
        shorten(&self.redactor.apply(&String::from_utf8_lossy(line)))
    }

    fn write(&mut self, bytes: &[u8]) {
        // A disk that is full shows in prony's own files; the program must be read all the same, or
        // it would stand still.
        if let Some(file) = &mut self.file {
            let _ = file.write_all(bytes);
        }
    }
}

/// A line as it is shown with a failure.
fn shorten(line: &str) -> String {
    let clean = crate::text::printable(line.trim_end());
    match clean.char_indices().nth(SHOWN_OF_LINE) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

/// The last lines of `text` that say something, the oldest first.
pub fn last_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(TAIL_LINES)
        .map(shorten)
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn logged(pieces: &[&[u8]]) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("target.log");
        let log = Arc::new(TargetLog::default());
        let secrets = [
            ("KEY".to_owned(), "s3cret".to_owned()),
            (
                "PEM".to_owned(),
                "-----\nfirst-line\nsecond-line\n".to_owned(),
            ),
        ];
        log.attach(&path, &secrets, "session 0: serve --key s3cret")
            .expect("a file");
        let (reader, mut writer) = io::pipe().expect("a pipe");
        log.follow(reader).expect("a thread");
        for piece in pieces {
            writer.write_all(piece).expect("room");
        }
        drop(writer);
        log.wait_for_end(LONG);
        let text = std::fs::read_to_string(&path).expect("a log");
        let (first, rest) = text.split_once('\n').expect("a first line");
        assert!(first.ends_with("session 0: serve --key ${KEY}"), "{first}");
        (rest.to_owned(), log.tail())
    }

    #[test]
    fn secrets_are_kept_out_however_they_arrive() {
        let (text, tail) = logged(&[b"the key is s3", b"cret\nand again: s3cret"]);
        assert_eq!(text, "the key is ${KEY}\nand again: ${KEY}");
        assert_eq!(tail, ["the key is ${KEY}", "and again: ${KEY}"]);
    }

    #[test]
    fn keys_of_several_lines_are_kept_out_too() {
        let (text, _) = logged(&[b"-----\nfirst-line\nsecond-line\n"]);
        assert_eq!(text, "-----\n${PEM}\n${PEM}\n");
    }

    #[test]
    fn the_tail_is_the_last_lines_that_say_something() {
        let mut text = String::new();
        for i in 0..50 {
            text.push_str(&format!("\x1b[32mline {i}\x1b[0m\n\n"));
        }
        let (written, tail) = logged(&[text.as_bytes(), b"\xff\n"]);
        assert_eq!(written.lines().count(), 101);
        assert_eq!(tail.len(), TAIL_LINES);
        assert_eq!(tail[18], "line 49");
        assert_eq!(tail[19], "\u{fffd}");
        assert_eq!(last_lines("\n a\n\nb\n"), [" a", "b"]);
    }
}
