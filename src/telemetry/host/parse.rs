//! Text of `/proc` and of cgroups → numbers. No I/O.

use std::collections::BTreeMap;

use super::sample::{ThreadTimes, Throttled};

/// Ticks of all cores since the machine started: at work, and altogether (`/proc/stat`).
pub(super) fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find(|l| l.starts_with("cpu "))?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .map_while(|f| f.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    let counted = fields.get(..8.min(fields.len()))?;
    let idle = counted.get(3)? + counted.get(4).copied().unwrap_or(0);
    let all: u64 = counted.iter().sum();
    Some((all.saturating_sub(idle), all))
}

/// `/proc/…/schedstat`: time on a core, time ready to run without one.
pub(super) fn schedstat(text: &str) -> Option<ThreadTimes> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    Some(ThreadTimes {
        ran_ns: fields.next()?.ok()?,
        waited_ns: fields.next()?.ok()?,
    })
}

/// A line `KEY: N` or `KEY: N kB` of `/proc/…/status` and `/proc/meminfo`; kB as bytes.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    let mut words = rest.split_ascii_whitespace();
    let n: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB") => n.checked_mul(1024),
        _ => Some(n),
    }
}

/// Bytes received and sent by all interfaces (`/proc/self/net/dev`), loopback among them.
pub(super) fn network_bytes(dev: &str) -> Option<(u64, u64)> {
    let mut seen = None;
    for line in dev.lines() {
        let Some((_, numbers)) = line.split_once(':') else {
            continue;
        };
        let fields: Vec<u64> = numbers
            .split_ascii_whitespace()
            .map_while(|f| f.parse().ok())
            .collect();
        if let (Some(received), Some(sent)) = (fields.first(), fields.get(8)) {
            let (r, s) = seen.unwrap_or((0, 0));
            seen = Some((r + received, s + sent));
        }
    }
    seen
}

/// TCP sockets (`/proc/self/net/sockstat`): in use, and waiting for their port to be free again.
pub(super) fn tcp_sockets(sockstat: &str) -> Option<(u64, u64)> {
    let line = sockstat.lines().find_map(|l| l.strip_prefix("TCP:"))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|w| *w == key)?;
        words.get(at + 1)?.parse().ok()
    };
    Some((after("inuse")?, after("tw").unwrap_or(0)))
}

/// First and last port that outgoing connections get.
pub(super) fn port_range(text: &str) -> Option<(u16, u16)> {
    let mut ends = text.split_ascii_whitespace().map(str::parse::<u16>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (first <= last).then_some((first, last))
}

/// Adds the local ports inside `range` of every remote address in `/proc/self/net/tcp` or `tcp6`.
/// Only ports towards one and the same remote address run out together.
pub(super) fn ports_by_remote(tcp: &str, range: (u16, u16), found: &mut BTreeMap<String, u64>) {
    for line in tcp.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote)) = (fields.next(), fields.next()) else {
            continue;
        };
        let port = local
            .rsplit_once(':')
            .and_then(|(_, p)| u16::from_str_radix(p, 16).ok());
        // A remote port of 0: it listens.
        if port.is_some_and(|p| (range.0..=range.1).contains(&p)) && !remote.ends_with(":0000") {
            *found.entry(remote.to_owned()).or_default() += 1;
        }
    }
}

/// A `cpu.stat`, of cgroup v2 (µs) or v1 (ns). Absent where the group has no limit to keep: only one
/// with a limit counts periods.
pub(super) fn cpu_stat(text: &str) -> Option<Throttled> {
    let value = |key: &str| {
        text.lines().find_map(|l| {
            let (k, v) = l.split_once(' ')?;
            (k == key).then(|| v.trim().parse::<u64>().ok())?
        })
    };
    let stopped_us = value("throttled_usec").or_else(|| Some(value("throttled_time")? / 1000))?;
    Some(Throttled {
        periods: value("nr_periods")?,
        throttled: value("nr_throttled")?,
        stopped_us,
    })
}

/// Folders, below the mount of cgroups, whose `cpu.stat` counts for a process with this
/// `/proc/self/cgroup`: its own group's and those of all groups around it, `(v2, path)`.
pub(super) fn cgroup_folders(cgroup: &str) -> Vec<(bool, String)> {
    let mut folders = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let v2 = controllers.is_empty();
        if !v2 && !controllers.split(',').any(|c| c == "cpu") {
            continue;
        }
        let mut path = path.trim_end_matches('/');
        loop {
            folders.push((v2, path.to_owned()));
            match path.rsplit_once('/') {
                Some((around, _)) => path = around,
                None => break,
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_the_machine() {
        let stat = "cpu  100 5 50 800 20 3 2 10 40 0\ncpu0 1 2 3 4\n";
        assert_eq!(machine_ticks(stat), Some((170, 990)));
        // An old kernel without steal.
        assert_eq!(machine_ticks("cpu  1 0 1 8\n"), Some((2, 10)));
        assert_eq!(machine_ticks("intr 5\n"), None);
        assert_eq!(machine_ticks("cpu  x\n"), None);
    }

    #[test]
    fn time_on_a_core_and_time_without_one() {
        let times = ThreadTimes {
            ran_ns: 327,
            waited_ns: 76,
        };
        assert_eq!(schedstat("327 76 43\n"), Some(times));
        assert_eq!(schedstat(""), None);
    }

    #[test]
    fn keyed_lines() {
        let status = "Name:\tprony\nVmRSS:\t    1200 kB\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(keyed(status, "VmRSS"), Some(1200 * 1024));
        assert_eq!(keyed(status, "nonvoluntary_ctxt_switches"), Some(7));
        assert_eq!(keyed(status, "voluntary_ctxt_switches"), None);
    }

    #[test]
    fn bytes_of_all_interfaces() {
        let dev = "Inter-|   Receive |  Transmit\n face |bytes packets\n    lo: 10 1 0 0 0 0 0 0 11 1 0 0 0 0 0 0\n  eth0:100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n";
        assert_eq!(network_bytes(dev), Some((110, 211)));
        assert_eq!(network_bytes("Inter-|\n"), None);
    }

    #[test]
    fn sockets_in_use_and_waiting() {
        let text = "sockets: used 16\nTCP: inuse 5 orphan 0 tw 12 alloc 1 mem 213\nUDP: inuse 0\n";
        assert_eq!(tcp_sockets(text), Some((5, 12)));
        assert_eq!(tcp_sockets("UDP: inuse 0\n"), None);
    }

    #[test]
    fn ports_run_out_towards_one_address() {
        let range = port_range("32768\t60999\n").unwrap();
        assert_eq!(range, (32768, 60999));
        assert_eq!(port_range("9 3"), None);
        // 0x8000 is 32768, 0x1F40 is 8000; a server's own socket listens.
        let tcp = "  sl  local_address rem_address   st\n\
            \x20  0: 0100007F:8000 0100007F:1F40 01\n\
            \x20  1: 0100007F:8001 0100007F:1F40 06\n\
            \x20  2: 0100007F:8002 0200007F:1F40 01\n\
            \x20  3: 0100007F:1F40 0100007F:8000 01\n\
            \x20  4: 0100007F:9000 00000000:0000 0A\n";
        let mut found = BTreeMap::new();
        ports_by_remote(tcp, range, &mut found);
        assert_eq!(found["0100007F:1F40"], 2);
        assert_eq!(found["0200007F:1F40"], 1);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn throttling_of_both_versions_is_in_microseconds() {
        let v2 =
            "usage_usec 9\nuser_usec 5\nnr_periods 40\nnr_throttled 8\nthrottled_usec 420000\n";
        let v1 = "nr_periods 40\nnr_throttled 8\nthrottled_time 420000000\n";
        let seen = Throttled {
            periods: 40,
            throttled: 8,
            stopped_us: 420_000,
        };
        assert_eq!(cpu_stat(v2), Some(seen));
        assert_eq!(cpu_stat(v1), Some(seen));
        assert_eq!(cpu_stat("usage_usec 9\n"), None);
    }

    #[test]
    fn a_limit_may_stand_on_any_group_around() {
        let v2 = cgroup_folders("0::/a/b\n");
        let paths: Vec<_> = v2.iter().map(|(v2, p)| (*v2, p.as_str())).collect();
        assert_eq!(paths, [(true, "/a/b"), (true, "/a"), (true, "")]);
        let v1 = cgroup_folders("4:memory:/x\n2:cpu,cpuacct:/\n1:name=systemd:/y\n");
        assert_eq!(v1, [(false, String::new())]);
    }
}
