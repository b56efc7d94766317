use std::fs;

/// The variable that marks everything a launch has started, however far it has detached itself.
pub const MARKER: &str = "PRONY_LAUNCH";

/// Processes that carry `marker` in their environment: descendants of a launch, also those that have
/// left its process group (Ray and other daemons do). Empty where there is no `/proc`.
pub fn strays(marker: &str) -> Vec<i32> {
    let wanted = format!("{MARKER}={marker}");
    let carries = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|env| env.split(|b| *b == 0).any(|var| var == wanted.as_bytes()))
    };
    pids().filter(|pid| carries(*pid)).collect()
}

/// Whether a live process is in process group `group`. A zombie is not: in containers whose first
/// process does not reap, orphans stay zombies for ever, and there is nothing to kill in them.
pub fn group_alive(group: i32) -> bool {
    // SAFETY: signal 0 only asks whether the group exists.
    if unsafe { libc::kill(-group, 0) } != 0 {
        return io_error() != Some(libc::ESRCH);
    }
    if !fs::exists("/proc/self/stat").unwrap_or(false) {
        return true;
    }
    pids().any(|pid| stat(pid).is_some_and(|(state, of)| of == group && !"ZX".contains(state)))
}

fn io_error() -> Option<i32> {
    std::io::Error::last_os_error().raw_os_error()
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// State and process group out of `/proc/PID/stat`.
fn stat(pid: i32) -> Option<(char, i32)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<(char, i32)> {
    // The name in parentheses may itself hold spaces and parentheses.
    let mut after = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = after.next()?.chars().next()?;
    let group = after.nth(1)?.parse().ok()?;
    Some((state, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        assert_eq!(parse_stat("7 (a) b) S 1 42 42 0"), Some(('S', 42)));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_alive() {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let (_, group) = stat(own).expect("a stat of its own");
        assert!(group_alive(group));
    }
}
