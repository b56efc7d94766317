use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::exit::Exit;
use super::stray::{MARKER, group_alive, strays};
use super::watchdog::Watchdog;
use crate::load::Signal;

/// How often a group that is to end is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How long the kernel may take over SIGKILL, before a group counts as stuck.
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// A program and everything that it starts. Dropping it ends all of that.
///
/// The program leads a session of its own: Ctrl-C in prony's terminal does not reach it before prony
/// has ended its run in order, and one signal reaches the whole group. Should prony die, its
/// [`Watchdog`] kills the group, and on Linux the kernel sends the program itself SIGTERM besides.
#[derive(Debug)]
pub struct ProcessGroup {
    pid: i32,
    marker: String,
    grace: Duration,
    leader: Arc<Leader>,
    /// Absent once everything has ended.
    watchdog: Mutex<Option<Watchdog>>,
}

/// What is known of the program itself.
#[derive(Debug, Default)]
struct Leader {
    exit: Mutex<Option<Exit>>,
    changed: Condvar,
    /// Level 1 when it has ended.
    ended: Signal,
}

/// Groups that are alive, for [`kill_all`].
static ALIVE: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

/// Kills every group at once; for a process that is about to leave.
pub fn kill_all() {
    let alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    for (group, marker) in alive.iter() {
        signal_all(*group, marker, libc::SIGKILL);
    }
}

/// Sends `signal` to a group and to what has left it.
fn signal_all(group: i32, marker: &str, signal: i32) {
    // SAFETY: `kill` touches no memory. The group is not prony's own, and its number is nobody
    // else's: the program that it is named after has not been reaped, or members are left.
    unsafe {
        libc::kill(-group, signal);
    }
    for pid in strays(marker) {
        // SAFETY: as above; prony itself never carries the marker of what it has started.
        unsafe {
            libc::kill(pid, signal);
        }
    }
}

impl ProcessGroup {
    /// Starts `command` in a group of its own. `grace` is how long it may take to end after SIGTERM.
    ///
    /// # Errors
    /// When the program or its watchdog cannot be started.
    pub fn spawn(mut command: Command, grace: Duration) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let marker = format!(
            "{}-{}-{:016x}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
            crate::runner::new_nonce()
        );
        command.env(MARKER, &marker);
        detach(&mut command);
        let mut watchdog = Watchdog::start(&marker, grace)?;
        let leader = Arc::new(Leader::default());
        let (started, pid) = mpsc::channel();
        let shared = leader.clone();
        // The kernel's death signal is tied to the thread that started the program, not to the
        // process: this thread lives as long as the program does.
        std::thread::Builder::new()
            .name("launched".to_owned())
            .spawn(move || keep(command, &started, &shared))?;
        let pid = match pid.recv() {
            Ok(Ok(pid)) => pid,
            Ok(Err(e)) => {
                watchdog.dismiss();
                return Err(e);
            }
            Err(_) => {
                return Err(io::Error::other(
                    "the thread that starts programs has ended",
                ));
            }
        };
        ALIVE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((pid, marker.clone()));
        // Without a watchdog all is well until prony is killed; that is no reason not to measure.
        let _ = watchdog.watch(pid);
        Ok(ProcessGroup {
            pid,
            marker,
            grace,
            leader,
            watchdog: Mutex::new(Some(watchdog)),
        })
    }

    /// How the program has ended, once it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.leader.lock()
    }

    /// Level 1 once the program has ended.
    pub fn ended(&self) -> &Signal {
        &self.leader.ended
    }

    /// Waits until the program has ended, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Exit> {
        let (exit, _) = self
            .leader
            .changed
            .wait_timeout_while(self.leader.lock(), timeout, |exit| exit.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *exit
    }

    /// Ends the program and everything that it started: SIGTERM, and SIGKILL for what is left after
    /// the grace. Returns whether SIGKILL was needed.
    pub fn stop(&self) -> bool {
        let Some(watchdog) = self.take_watchdog() else {
            return false;
        };
        signal_all(self.pid, &self.marker, libc::SIGTERM);
        let ended = self.gone_within(self.grace);
        if !ended {
            signal_all(self.pid, &self.marker, libc::SIGKILL);
            self.gone_within(KILLED_WITHIN);
        }
        self.forget(watchdog);
        !ended
    }

    /// Leaves whatever the program has started to itself, once the program has ended.
    pub fn release(&self) {
        if self.exit().is_some()
            && let Some(watchdog) = self.take_watchdog()
        {
            self.forget(watchdog);
        }
    }

    fn take_watchdog(&self) -> Option<Watchdog> {
        self.watchdog
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn gone_within(&self, time: Duration) -> bool {
        let began = Instant::now();
        let mut reaped = false;
        loop {
            let left = time.saturating_sub(began.elapsed());
            if !reaped && self.wait(left.min(POLL)).is_some() {
                // From here on the group is gone with its last member; as a zombie the program
                // itself would stay one.
                self.reap();
                reaped = true;
            }
            if reaped && !group_alive(self.pid) && strays(&self.marker).is_empty() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            if reaped {
                std::thread::sleep(POLL.min(left));
            }
        }
    }

    fn reap(&self) {
        // SAFETY: the program is this process's child and nobody else waits for it; a second call
        // finds nothing and does nothing.
        unsafe {
            libc::waitpid(self.pid, std::ptr::null_mut(), libc::WNOHANG);
        }
    }

    fn forget(&self, watchdog: Watchdog) {
        if self.exit().is_some() {
            self.reap();
        }
        watchdog.dismiss();
        ALIVE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(pid, _)| *pid != self.pid);
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Leader {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session of its own for the program, and SIGTERM from the kernel when prony dies.
fn detach(command: &mut Command) {
    #[cfg(target_os = "linux")]
    let parent = std::process::id();
    // SAFETY: only async-signal-safe calls, and no memory of the parent is written.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            #[cfg(target_os = "linux")]
            {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                // prony may have died before the kernel was told.
                if libc::getppid().cast_unsigned() != parent {
                    libc::_exit(1);
                }
            }
            Ok(())
        });
    }
}

/// Starts the program and stays until it has ended. It is left to be reaped: until then its number,
/// and so its group's, belongs to nobody else.
fn keep(mut command: Command, started: &mpsc::Sender<io::Result<i32>>, leader: &Leader) {
    let child = match command.spawn() {
        Ok(child) => child,
        Err(e) => {
            let _ = started.send(Err(e));
            return;
        }
    };
    // The pipes that the program writes to are the command's; they must not stay open here.
    drop(command);
    let pid = child.id();
    let _ = started.send(Ok(pid.cast_signed()));
    let exit = wait_without_reaping(pid);
    let mut known = leader.lock();
    *known = Some(exit);
    // Under the lock: whoever has seen the exit sees the signal too.
    leader.ended.raise(1);
    drop(known);
    leader.changed.notify_all();
}

fn wait_without_reaping(pid: u32) -> Exit {
    loop {
        // SAFETY: a zeroed `siginfo_t` is a valid one, and `waitid` fills it.
        let (result, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let result = libc::waitid(
                libc::P_PID,
                pid,
                &raw mut info,
                libc::WEXITED | libc::WNOWAIT,
            );
            (result, info)
        };
        if result == 0 {
            // SAFETY: `waitid` has filled the part of a child that ended.
            let status = unsafe { info.si_status() };
            return if info.si_code == libc::CLD_EXITED {
                Exit::Code(status)
            } else {
                Exit::Signal(status)
            };
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Exit::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, grace: Duration) -> ProcessGroup {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdin(std::process::Stdio::null());
        ProcessGroup::spawn(command, grace).expect("a shell")
    }

    #[test]
    fn a_program_that_ends_says_how() {
        assert_eq!(shell("exit 3", LONG).wait(LONG), Some(Exit::Code(3)));
        let killed = shell("kill -9 $$", LONG);
        assert_eq!(killed.wait(LONG), Some(Exit::Signal(9)));
        assert_eq!(killed.ended().level(), 1);
        assert!(!killed.stop());
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let command = Command::new("/nowhere/to/be/found");
        let error = ProcessGroup::spawn(command, LONG).expect_err("it is not there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn sigterm_is_enough_for_most() {
        let group = shell("sleep 600 & sleep 600", LONG);
        assert!(!group.stop());
        assert_eq!(group.exit(), Some(Exit::Signal(libc::SIGTERM)));
        assert!(!group_alive(group.pid));
    }

    #[test]
    fn a_panic_ends_what_was_started() {
        let pid = std::sync::Mutex::new(0);
        let panicked = std::panic::catch_unwind(|| {
            let group = shell("sleep 600 & sleep 600", LONG);
            *pid.lock().expect("not poisoned") = group.pid;
            // Not `panic!`, whose message would stand in the output of the tests.
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.is_err());
        assert!(!group_alive(*pid.lock().expect("not poisoned")));
    }

    #[test]
    fn what_ignores_sigterm_and_its_children_are_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let ready = folder.path().join("ready");
        let script = format!(
            "trap '' TERM; (trap '' TERM; sleep 600) & (sleep 600; :) & : > {}; while :; do sleep 1; done",
            ready.display()
        );
        let group = shell(&script, Duration::from_millis(200));
        while !ready.exists() {
            assert_eq!(group.exit(), None);
            std::thread::sleep(POLL);
        }
        assert!(group.stop());
        assert!(!group_alive(group.pid));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_daemon_that_left_the_group_ends_too() {
        let group = shell("setsid sleep 600 & exec sleep 600", LONG);
        while strays(&group.marker).len() < 2 {
            std::thread::sleep(POLL);
        }
        group.stop();
        assert!(strays(&group.marker).is_empty());
    }

    #[test]
    fn what_is_released_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let note = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}", note.display());
        let group = shell(&script, LONG);
        assert_eq!(group.wait(LONG), Some(Exit::Code(0)));
        group.release();
        drop(group);
        let pid: i32 = std::fs::read_to_string(&note)
            .expect("a note")
            .trim()
            .parse()
            .expect("a number");
        // SAFETY: asks whether the process is there, then ends it.
        unsafe {
            assert_eq!(libc::kill(pid, 0), 0);
            libc::kill(pid, libc::SIGKILL);
        }
    }
}
