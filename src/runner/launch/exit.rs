use std::fmt;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is gone, and somebody else has taken the news of how.
    Unknown,
}

impl Exit {
    /// Whether it ended well.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }

    /// The signal that ended it, also where a shell passes one on as 128 and more.
    fn signal(self) -> Option<i32> {
        match self {
            Exit::Signal(n) => Some(n),
            Exit::Code(code) if (129..=128 + 31).contains(&code) => Some(code - 128),
            Exit::Code(_) | Exit::Unknown => None,
        }
    }

    /// What a person may want to look at, where the way it ended says something.
    pub fn hint(self) -> Option<&'static str> {
        match (self, self.signal()) {
            (_, Some(libc::SIGKILL)) => Some(
                "unless somebody killed it, look for the kernel's out-of-memory killer in `dmesg`",
            ),
            (Exit::Code(127), _) => Some("127 is a shell's word for a command that was not found"),
            (Exit::Code(126), _) => {
                Some("126 is a shell's word for a file that it may not execute")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.signal()) {
            (Exit::Signal(n), _) => write!(f, "killed by {}", name(*n)),
            (Exit::Code(code), Some(n)) => {
                write!(
                    f,
                    "exit status {code}, which is a shell's word for killed by {}",
                    name(n)
                )
            }
            (Exit::Unknown, _) => f.write_str("nobody knows how"),
            (Exit::Code(code), None) => write!(f, "exit status {code}"),
        }
    }
}

fn name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGTERM => "SIGTERM",
        n => return format!("signal {n}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        assert_eq!(Exit::Code(1).to_string(), "exit status 1");
        assert_eq!(Exit::Signal(9).to_string(), "killed by SIGKILL");
        assert_eq!(
            Exit::Code(137).to_string(),
            "exit status 137, which is a shell's word for killed by SIGKILL"
        );
        assert!(Exit::Code(137).hint().is_some());
        assert_eq!(Exit::Code(128).hint(), None);
    }
}
