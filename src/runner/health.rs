//! What is known of the client while it measured a phase → the result's part on it.

use std::collections::BTreeMap;

use crate::load::Tick;
use crate::metrics::request_value;
use crate::record::{Part, RequestRecord, RunRecords};
use crate::result::{ClientHealth, RunSeries, Spread, Supply, Throttling};
use crate::stats::Delays;
use crate::telemetry::host::{HostTrace, HostUsage, Level};

/// What is known of the client in one run.
#[derive(Clone, Debug, Default)]
pub struct ClientOfRun {
    /// Name of the transport.
    pub transport: &'static str,
    /// Who noted when answers came in.
    pub stamps: Option<&'static str>,
    /// How late the measuring thread was, in the order of time.
    pub ticks: Vec<Tick>,
    /// How long requests waited for their own prompt.
    pub preparation: Delays,
    /// What the machine said meanwhile; absent in virtual time.
    pub host: Option<HostTrace>,
    /// From readable to read, where the transport can tell.
    pub read_delays: Option<Delays>,
}

/// Health of the client over all runs of a phase.
pub fn health(runs: &[(&RunRecords, &ClientOfRun)]) -> ClientHealth {
    let mut delays: Vec<f64> = runs
        .iter()
        .flat_map(|(_, c)| c.ticks.iter().map(|t| f64::from(t.late_ns) / 1e6))
        .collect();
    let window = || {
        let all = runs.iter().flat_map(|(r, _)| &r.records);
        all.filter(|r| r.part == Part::Window)
    };
    let mut lags: Vec<f64> = window()
        .filter_map(|r| request_value(r, "send_lag"))
        .collect();
    let (mut due, mut sent) = (0_u64, 0_u64);
    for record in window().filter(|r| r.due_us.is_some()) {
        due += 1;
        sent += u64::from(record.sent_us.is_some());
    }
    let mut read: Option<Delays> = None;
    let mut preparation = Delays::new();
    for (_, client) in runs {
        preparation.merge(&client.preparation);
        if let Some(delays) = &client.read_delays {
            read.get_or_insert_default().merge(delays);
        }
    }
    let first = runs.first().map(|(_, c)| *c);
    let used: Vec<HostUsage> = runs.iter().filter_map(|(r, c)| usage(r, c)).collect();
    ClientHealth {
        transport: first.map_or(String::new(), |r| r.transport.to_owned()),
        stamps: runs.last().and_then(|(_, c)| c.stamps).map(str::to_owned),
        own_error: first.filter(|r| r.host.is_some()).and_then(|r| {
            let file = crate::doctor::cache_file()?;
            crate::doctor::known(&file, &super::host::host(), r.transport)
        }),
        send_lag: Spread::of(&mut lags),
        loop_delay: Spread::of(&mut delays),
        read_delay: read.as_ref().and_then(spread_of),
        // Without a clock that goes on meanwhile there is nothing to say of it.
        preparation_lag: first
            .filter(|r| r.host.is_some())
            .and_then(|_| spread_of(&preparation)),
        achieved_share: (due > 0).then(|| sent as f64 / due as f64),
        exhausted: exhausted(window()),
        ..of_machine(&used)
    }
}

/// The series of a run with those of the client beside them.
pub fn with_client_series(mut series: RunSeries, run: &ClientOfRun) -> RunSeries {
    let Some(host) = &run.host else {
        return series;
    };
    let points = series.series.values().map(Vec::len).max().unwrap_or(0);
    let width_us = series.interval_s * 1e6;
    let mut worst: Vec<Option<f64>> = vec![None; points];
    for tick in &run.ticks {
        if let Some(slot) = worst.get_mut((tick.due_us as f64 / width_us) as usize) {
            let ms = f64::from(tick.late_ns) / 1e6;
            *slot = Some(slot.map_or(ms, |so_far: f64| so_far.max(ms)));
        }
    }
    if worst.iter().any(Option::is_some) {
        series.series.insert("client_loop_delay".to_owned(), worst);
    }
    series.series.extend(host.series(series.interval_s, points));
    series
}

/// What the client used of its machine in the window.
fn usage(run: &RunRecords, client: &ClientOfRun) -> Option<HostUsage> {
    let seconds = |us: u64| us as f64 / 1e6;
    let (from, to) = (seconds(run.window.start_us), seconds(run.window.end_us));
    client.host.as_ref()?.usage(from, to)
}

fn of_machine(used: &[HostUsage]) -> ClientHealth {
    let most = |of: fn(&HostUsage) -> Option<f64>| used.iter().filter_map(of).reduce(f64::max);
    let sum = |of: fn(&HostUsage) -> Option<u64>| {
        used.iter()
            .map(of)
            .sum::<Option<u64>>()
            .filter(|_| !used.is_empty())
    };
    let level = |of: fn(&HostUsage) -> Option<Level>| {
        let worst = used.iter().filter_map(of).max_by_key(|l| l.most)?;
        Some(Supply {
            most: worst.most,
            limit: worst.limit,
        })
    };
    ClientHealth {
        cpu: most(|u| u.process_cpu),
        measuring_cpu: most(|u| u.thread_cpu),
        core_wait: most(|u| u.thread_waited),
        busy: most(|u| u.thread_busy),
        machine_cpu: most(|u| u.machine_cpu),
        preemptions: sum(|u| u.preemptions),
        major_faults: sum(|u| u.major_faults),
        throttled: throttling(used),
        rss_bytes: used.iter().filter_map(|u| u.rss).max(),
        available_bytes: used.iter().filter_map(|u| u.available).min(),
        received_bytes_per_second: most(|u| u.received),
        sent_bytes_per_second: most(|u| u.sent),
        sockets: used.iter().filter_map(|u| u.sockets).max(),
        files: level(|u| u.files),
        ports: level(|u| u.ports),
        ..ClientHealth::default()
    }
}

/// Stopped time is summed over cores, so it may exceed the time that passed; a process is never stopped
/// for a larger share of the time than that of the periods in which it was.
fn throttling(used: &[HostUsage]) -> Option<Throttling> {
    let mut all: Option<Throttling> = None;
    for usage in used {
        let Some(seen) = usage.throttled else {
            continue;
        };
        let of_periods = seen.throttled as f64 / seen.periods.max(1) as f64;
        let of_time = seen.stopped_us as f64 / 1e6 / usage.seconds;
        let so_far = all.get_or_insert_default();
        so_far.periods += seen.periods;
        so_far.throttled += seen.throttled;
        so_far.stopped_ms += seen.stopped_us as f64 / 1e3;
        so_far.share = so_far.share.max(of_time.min(of_periods));
    }
    all
}

/// Failures that the client's own machine caused, by the name of the system's error. The transports put
/// the system's words, `… (os error 99)`, at the end of a message.
fn exhausted<'a>(records: impl Iterator<Item = &'a RequestRecord>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for record in records {
        let said = record.error.as_ref().map(|e| e.message.as_str());
        if let Some(name) = said.and_then(own_exhaustion) {
            *found.entry(name.to_owned()).or_default() += 1;
        }
    }
    found
}

/// The name of the error by which a system says that it has run out of something itself.
pub fn own_exhaustion(message: &str) -> Option<&'static str> {
    let number = message.rsplit_once("(os error ")?.1;
    let number: i32 = number.split_once(')')?.0.parse().ok()?;
    #[cfg(unix)]
    let names = [
        (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (libc::EMFILE, "EMFILE"),
        (libc::ENFILE, "ENFILE"),
        (libc::ENOBUFS, "ENOBUFS"),
        (libc::ENOMEM, "ENOMEM"),
    ];
    #[cfg(not(unix))]
    let names: [(i32, &'static str); 0] = [];
    names.iter().find(|(n, _)| *n == number).map(|(_, s)| *s)
}

fn spread_of(delays: &Delays) -> Option<Spread> {
    let ms = |ns: u64| ns as f64 / 1e6;
    Some(Spread {
        p50: ms(delays.quantile(0.5)?),
        p99: ms(delays.quantile(0.99)?),
        max: ms(delays.max()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::host::Throttled;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_client_ran_out_of_is_told_from_what_the_server_refused() {
        let ran_out = "no connection: Cannot assign requested address (os error 99)";
        assert_eq!(own_exhaustion(ran_out), Some("EADDRNOTAVAIL"));
        let files = "no connection: Too many open files (os error 24)";
        assert_eq!(own_exhaustion(files), Some("EMFILE"));
        let refused = "no connection: Connection refused (os error 111)";
        assert_eq!(own_exhaustion(refused), None);
        assert_eq!(own_exhaustion("(os error"), None);
        assert_eq!(own_exhaustion("a server's own words"), None);
    }

    #[test]
    fn a_stop_on_several_cores_is_counted_once() {
        let used = |periods, throttled, stopped_us| HostUsage {
            seconds: 10.0,
            throttled: Some(Throttled {
                periods,
                throttled,
                stopped_us,
            }),
            ..HostUsage::default()
        };
        // Eight cores stood still for 3 s each.
        let seen = throttling(&[used(100, 40, 24_000_000), used(100, 0, 0)]).unwrap();
        assert_eq!((seen.periods, seen.throttled), (200, 40));
        assert!((seen.share - 0.4).abs() < 1e-9);
        assert_eq!(throttling(&[HostUsage::default()]), None);
    }

    #[test]
    fn the_worst_run_counts_and_counts_add_up() {
        let used = |cpu, preemptions| HostUsage {
            seconds: 1.0,
            process_cpu: Some(cpu),
            preemptions,
            files: Some(Level {
                most: (cpu * 10.0) as u64,
                limit: Some(100),
            }),
            ..HostUsage::default()
        };
        let health = of_machine(&[used(0.5, Some(3)), used(0.25, Some(4))]);
        assert_eq!((health.cpu, health.preemptions), (Some(0.5), Some(7)));
        assert_eq!(health.files.map(|f| f.most), Some(5));
        // A sum with a part unknown is unknown; no run, no value.
        assert_eq!(of_machine(&[used(0.5, None)]).preemptions, None);
        assert_eq!(of_machine(&[]), ClientHealth::default());
    }
}
