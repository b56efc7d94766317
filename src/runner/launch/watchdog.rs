use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Kills a process group when prony is gone.
///
/// Nothing that prony itself could do works after `kill -9`, so another process has to. This one is a
/// shell that reads from a pipe which only prony holds open: however prony ends, the kernel closes the
/// pipe, the shell reads its end and clears up. A shell rather than prony under another name, because
/// in a test harness there is no prony binary, and rather than a bare `fork`, because that would share
/// all memory with the process that measures, and make it pay for every page that it then writes.
/// It is in a session of its own and deaf to what a terminal sends, and it sleeps until it is needed.
#[derive(Debug)]
pub struct Watchdog {
    shell: Child,
}

/// `$1` is the marker of the launch, `$2` the time from SIGTERM to SIGKILL in tenths of a second. The
/// first line read is the group, the second is `done` when prony has seen to everything itself.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM PIPE
read -r group
read -r word
[ "$word" = done ] && exit 0
strays() { grep -ls "PRONY_LAUNCH=$1" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do echo "$pid"; done; }
send() {
  [ -n "$group" ] && kill -s "$1" -- "-$group" 2>/dev/null
  for pid in $(strays "$2"); do kill -s "$1" "$pid" 2>/dev/null; done
}
left() { { [ -n "$group" ] && kill -s 0 -- "-$group" 2>/dev/null; } || [ -n "$(strays "$1")" ]; }
send TERM "$1"
tenths=0
while [ "$tenths" -lt "$2" ] && left "$1"; do
  sleep 0.1 2>/dev/null || { sleep 1; tenths=$((tenths + 9)); }
  tenths=$((tenths + 1))
done
send KILL "$1"
"#;

impl Watchdog {
    /// Starts one for the launch that `marker` names; it waits to hear of its group.
    ///
    /// # Errors
    /// When there is no shell, or it cannot be started.
    pub fn start(marker: &str, grace: Duration) -> io::Result<Self> {
        let tenths = (grace.as_millis() / 100).max(1);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "prony-watchdog", marker])
            .arg(tenths.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: `setsid` is async-signal-safe and touches no memory of this process.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                Ok(())
            });
        }
        let shell = command.spawn()?;
        Ok(Watchdog { shell })
    }

    /// Tells it which group to kill.
    ///
    /// # Errors
    /// When it is gone.
    pub fn watch(&mut self, group: i32) -> io::Result<()> {
        self.say(&format!("{group}\n"))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        match &mut self.shell.stdin {
            Some(pipe) => pipe.write_all(text.as_bytes()),
            None => Ok(()),
        }
    }

    /// Sends it away: there is nothing left to kill.
    pub fn dismiss(mut self) {
        // A watchdog that is gone needs no word.
        let _ = self.say("done\ndone\n");
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
