use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::exit::Exit;
use super::group::ProcessGroup;
use super::log::TargetLog;
use super::port::{address, free_port, occupant};
use super::program::program;
use crate::load::Signal;
use crate::suite::Launch;

/// How long the last lines of a log may take to arrive once the program has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A target that prony has started. Dropping it stops it.
#[derive(Debug)]
pub struct LaunchedServer {
    launch: Launch,
    /// As in the suite; port 0 asks for a free one.
    asked: Url,
    url: Url,
    log: Arc<TargetLog>,
    group: ProcessGroup,
}

/// Where the log of a target goes, and what to keep out of it.
#[derive(Clone, Copy, Debug)]
pub struct LogPlace<'a> {
    /// The file; it is appended to.
    pub path: &'a Path,
    /// Values that it may not hold.
    pub secrets: &'a [(String, String)],
    /// Session within the case.
    pub session: u32,
}

impl LaunchedServer {
    /// Starts `launch` for the target at `url`. It is not ready then, only started.
    ///
    /// # Errors
    /// When something listens there already, or the program or its log cannot be started.
    pub fn start(launch: &Launch, asked: &Url, place: LogPlace<'_>) -> Result<Self, String> {
        let mut url = asked.clone();
        if asked.port() == Some(0) {
            let port = free_port(asked).map_err(|e| format!("no free port was found: {e}"))?;
            // It fails only for URLs without a host, which a target's has.
            let _ = url.set_port(Some(port));
        } else if let Some(who) = occupant(asked) {
            let (host, port) = address(asked).unwrap_or_default();
            return Err(format!(
                "{host}:{port} is already in use by {who}; stop it, or take `launch` out of the target to measure what runs there"
            ));
        }
        let shown = launch.command.shown();
        let log = Arc::new(TargetLog::default());
        log.attach(
            place.path,
            place.secrets,
            &format!("session {}: {shown}", place.session),
        )
        .map_err(|e| format!("cannot write {}: {e}", place.path.display()))?;
        let mut command = program(
            &launch.command,
            &launch.env,
            launch.cwd.as_deref(),
            url.port_or_known_default(),
        );
        let group = pipe_to(&mut command, &log)
            .and_then(|()| ProcessGroup::spawn(command, launch.stop_timeout))
            .map_err(|e| {
                let place = match &launch.cwd {
                    Some(cwd) => format!(" in {}", cwd.display()),
                    None => String::new(),
                };
                format!("cannot start `{shown}`{place}: {e}; check `launch` in the target")
            })?;
        Ok(LaunchedServer {
            launch: launch.clone(),
            asked: asked.clone(),
            url,
            log,
            group,
        })
    }

    /// Whether it is what `launch` at `url` asks for, and still runs.
    pub fn serves(&self, launch: &Launch, url: &Url) -> bool {
        self.launch == *launch && self.asked == *url && self.exit().is_none()
    }

    /// Whether it stands in the way of another one at `url`.
    pub fn occupies(&self, url: &Url) -> bool {
        address(&self.url) == address(url)
    }

    /// Goes on with its log in another file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn log_to(&self, place: LogPlace<'_>) -> Result<(), String> {
        let shown = self.launch.command.shown();
        let what = format!("the target runs since an earlier case: {shown}");
        self.log
            .attach(place.path, place.secrets, &what)
            .map_err(|e| format!("cannot write {}: {e}", place.path.display()))
    }

    /// Base URL of its API, with its real port.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How its program has ended, once it has.
    pub fn exit(&self) -> Option<Exit> {
        self.group.exit()
    }

    /// Waits until its program has ended, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Exit> {
        self.group.wait(timeout)
    }

    /// Level 1 once its program has ended.
    pub fn ended(&self) -> &Signal {
        self.group.ended()
    }

    /// The last line so far.
    pub fn last_line(&self) -> Option<String> {
        self.log.tail().pop()
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> Vec<String> {
        if self.exit().is_some() {
            // What the program itself wrote comes within moments; children of it may keep the pipe
            // open for as long as they like.
            self.log.wait_for_end(LAST_WORDS);
        }
        self.log.tail()
    }

    /// Stops it and everything that it started.
    pub fn stop(&self) {
        let had_ended = self.exit();
        let killed = self.group.stop();
        self.log.wait_for_end(LAST_WORDS);
        self.log.note(&match had_ended {
            Some(exit) => format!("the target had ended by itself: {exit}"),
            None if killed => format!(
                "the target was still there {:?} after SIGTERM, and was killed",
                self.launch.stop_timeout
            ),
            None => "the target was stopped".to_owned(),
        });
    }
}

/// Standard output and error of `command` go to `log`, in the order in which they come.
fn pipe_to(command: &mut std::process::Command, log: &Arc<TargetLog>) -> std::io::Result<()> {
    let (reader, writer) = std::io::pipe()?;
    log.follow(reader)?;
    command.stdout(writer.try_clone()?).stderr(writer);
    Ok(())
}
