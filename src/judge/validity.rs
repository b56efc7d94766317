use crate::metrics::{Unit, asked_input, quantile_of};
use crate::record::{ErrorKind, RequestRecord, RunRecords};
use crate::result::{Spread, Supply, Warning};
use crate::suite::{ClientBounds, LengthTolerance};

use super::asserted::Asserted;
use super::idle::{as_if_filled, slots};
use super::input::JudgePhase;
use super::lateness::{Lateness, seen_in_time};
use super::prepared::Prepared;
use super::verdict::Verdict;
use super::words::{number, percent, quantity};

/// Share of the prompts that may be of another length than asked for.
const OTHER_LENGTH: f64 = 0.01;
/// Over reqwest bytes pass through the connection's task before the request's stamps them, and may
/// have waited for each.
const TASKS: f64 = 2.0;
/// Share of the time from which on a thread that is kept from its core is late as a rule.
const HALF: f64 = 0.5;
/// Pages read from a disk per second of measuring from which on they are named as the cause: each takes
/// a tenth of a millisecond or more.
const PAGED: f64 = 10.0;
/// Share of the time waited for a core from which on it is named as the cause.
const STARVED: f64 = 0.1;
/// A request that was due just before the window's end may be sent this much after it, in µs.
const SLACK_US: u64 = 10_000;

/// Why a phase says nothing about the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub reason: String,
    pub remedy: String,
}

/// Whether `phase` is not what was asked for, or the client was the limit, and which rule of `docs/verdicts.md` says so.
pub(super) fn invalid(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    if phase.samples.is_empty() {
        return None;
    }
    let open = phase.open_loop;
    exhausted(phase)
        .or_else(|| other_lengths(phase, asserted.lengths))
        .or_else(|| late(phase, asserted).filter(|_| open))
        .or_else(|| behind(phase, asserted).filter(|_| open))
        .or_else(|| left_idle(phase, asserted))
        .or_else(|| saturated(phase, asserted).filter(|_| asserted.timed))
        .or_else(|| throttled(phase, asserted))
        .or_else(|| seen_late(phase, asserted))
}

/// What a reader of the numbers should know of the client, where it did not make the phase invalid.
pub(super) fn doubts(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |text, remedy: &str| {
        found.push(Warning {
            text,
            remedy: remedy.to_owned(),
        });
    };
    let health = phase.phase.health;
    if let Some((late, bound, what)) = notable_lateness(phase, asserted) {
        warn(
            format!(
                "the client saw things late: p99 of its {} is {} ms, over {} of {what} ({} ms)",
                delay_name(phase),
                number(late.p99),
                percent(asserted.bounds.loop_delay),
                number(bound)
            ),
            "give prony more or idle cores, or run it on another machine",
        );
    } else if let Some(invalid) = saturated(phase, asserted) {
        warn(invalid.reason, &invalid.remedy);
    }
    if let Some(t) = health
        .throttled
        .filter(|t| t.share > asserted.bounds.throttled)
    {
        warn(
            format!(
                "a processor limit stopped the client for {} of the time",
                share_of(t.share)
            ),
            RAISE_LIMIT,
        );
    }
    for (supply, what, remedy) in [
        (health.files, "open files", MORE_FILES),
        (
            health.ports,
            "ports for connections to one address",
            MORE_PORTS,
        ),
    ] {
        if let Some(Supply {
            most,
            limit: Some(limit),
        }) = supply
            && most as f64 >= asserted.bounds.supplies * limit as f64
        {
            warn(format!("{most} of {limit} {what} were in use"), remedy);
        }
    }
    found
}

const LESS_OR_ELSEWHERE: &str = "ask for fewer streams or a lower rate, give prony more or idle cores, or run it on another machine";
const RAISE_LIMIT: &str =
    "raise the processor limit of the container or cgroup that prony runs in, or lower the load";
const MORE_MEMORY: &str = "give prony's machine more memory, or run less else on it";
const MORE_FILES: &str = "raise the limit on open files (`ulimit -n`), or ask for fewer streams";
const MORE_PORTS: &str =
    "widen `net.ipv4.ip_local_port_range`, or bound the connections with `max_concurrency`";

/// What slowed the client down, where the machine tells, and what to do about it.
fn cause(phase: &Prepared<'_>, bounds: ClientBounds) -> (String, String) {
    let health = phase.phase.health;
    if let Some(t) = health.throttled.filter(|t| t.share > bounds.throttled) {
        let how = format!(
            "; a processor limit stopped it for {} of the time",
            share_of(t.share)
        );
        return (how, RAISE_LIMIT.to_owned());
    }
    let seconds: f64 = phase.phase.runs.iter().map(|r| r.window.seconds()).sum();
    if let Some(pages) = health.major_faults.filter(|n| *n as f64 > PAGED * seconds) {
        let how = format!("; {pages} pages of its memory had to be read from a disk meanwhile");
        return (how, MORE_MEMORY.to_owned());
    }
    let how = match (health.core_wait, health.measuring_cpu) {
        (Some(waited), _) if waited > STARVED => format!(
            "; its measuring thread waited for a core {} of the time",
            share_of(waited)
        ),
        (_, Some(ran)) if ran >= bounds.busy => format!(
            "; its measuring thread was on a core {} of the time",
            share_of(ran)
        ),
        _ => String::new(),
    };
    (how, LESS_OR_ELSEWHERE.to_owned())
}

/// Prompts that by the server's count are longer or shorter than asked for, more than a few of them.
fn other_lengths(phase: &Prepared<'_>, tolerance: LengthTolerance) -> Option<Invalid> {
    let (mut all, mut off, mut example) = (0_u64, 0_u64, None);
    for (asked, got) in asked_input(&phase.samples) {
        all += 1;
        if !tolerance.covers(asked, got) {
            off += 1;
            example.get_or_insert((asked, got));
        }
    }
    let (asked, got) = example?;
    (off as f64 > OTHER_LENGTH * all as f64).then(|| Invalid {
        reason: format!(
            "prompts are not as long as asked: {off} of {all} lie beyond `length_tolerance`, such as one of {got} tokens by the server's count where {asked} were asked for"
        ),
        remedy: "name the model's own tokenizer, let the server count (`tokenizer: server`), or raise `length_tolerance`".to_owned(),
    })
}

/// Requests failed because this machine had run out of ports, files or memory: no fault of the target.
fn exhausted(phase: &Prepared<'_>) -> Option<Invalid> {
    let (name, n) = phase
        .phase
        .health
        .exhausted
        .iter()
        .max_by_key(|(_, n)| **n)?;
    let (what, remedy) = match name.as_str() {
        "EADDRNOTAVAIL" => ("ports", MORE_PORTS),
        "EMFILE" => ("open files", MORE_FILES),
        "ENFILE" => (
            "open files of the whole system",
            "raise `fs.file-max`, or ask for fewer streams",
        ),
        _ => (
            "memory for sockets",
            "give the machine more memory, or ask for fewer streams",
        ),
    };
    Some(Invalid {
        reason: format!(
            "the client ran out of {what}: {n} of {} requests failed with {name}",
            phase.samples.len()
        ),
        remedy: remedy.to_owned(),
    })
}

/// It had no time left and saw everything late: neither the load nor the times are what they are said
/// to be.
fn saturated(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let health = phase.phase.health;
    let limited = health
        .throttled
        .is_some_and(|t| t.share > asserted.bounds.throttled);
    let busy = health.busy.filter(|b| *b >= asserted.bounds.busy);
    // Kept from its core half of the time, it is late whenever it is not lucky.
    let share = health
        .core_wait
        .unwrap_or(0.0)
        .max(health.throttled.map_or(0.0, |t| t.share));
    let kept = share >= HALF;
    let (how, remedy) = cause(phase, asserted.bounds);
    let (delay, which) = match (kept, health.loop_delay) {
        (true, Some(delay)) => (delay.p99, "p99 of its"),
        (false, Some(delay)) => (delay.p50, "its median"),
        // A window in which its timer did not fire once says nothing of when anything came in.
        (true, None) => {
            return Some(Invalid {
                reason: format!(
                    "the client was saturated: it was kept from its core {} of the time, and its own timer did not fire once in the window{how}",
                    share_of(share)
                ),
                remedy,
            });
        }
        (false, None) => return None,
    };
    let (bound, what) = scale_of(phase, asserted.tightest)?;
    let ran = match busy {
        Some(busy) => format!(
            "its measuring thread ran or waited for a core {} of the time, and ",
            share_of(busy)
        ),
        None if limited || kept => String::new(),
        None => return None,
    };
    // A thread that spins for punctuality is busy too, but sees things in time.
    (delay > asserted.bounds.loop_delay * bound).then(|| Invalid {
        reason: format!(
            "the client was saturated: {ran}{which} loop delay is {} ms, over {} of {what} ({} ms){how}",
            number(delay),
            percent(asserted.bounds.loop_delay),
            number(bound)
        ),
        remedy,
    })
}

/// A processor limit stopped it for so long that a verdict may be the limit's doing.
fn throttled(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let seen = phase.phase.health.throttled?;
    if seen.share <= asserted.bounds.throttled {
        return None;
    }
    let could = 1.0 / (1.0 - seen.share.min(0.99));
    let rates = (asserted.judged)(phase)
        .iter()
        .any(|r| r.would_reach(could));
    // A request may meet stops twice: when it is sent, together with all others that the stop held up,
    // which stamps of the kernel do not mend, and when it is answered.
    let changes = || {
        let twice = phase.phase.health.loop_delay.map(|s| times(s, 2.0));
        twice.is_some_and(|late| changes_a_verdict(phase, asserted, late))
    };
    (rates || changes()).then(|| Invalid {
        reason: format!(
            "a processor limit stopped the client for {} of the time ({} of {} periods): without it the verdict could be another",
            share_of(seen.share),
            seen.throttled,
            seen.periods
        ),
        remedy: RAISE_LIMIT.to_owned(),
    })
}

/// It saw answers so late that with exact times the verdict could be another.
fn seen_late(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let (late, bound, what) = notable_lateness(phase, asserted)?;
    if !changes_a_verdict(phase, asserted, late) {
        return None;
    }
    let (how, remedy) = cause(phase, asserted.bounds);
    Some(Invalid {
        reason: format!(
            "the client saw answers late: p99 of its {} is {} ms, over {} of {what} ({} ms), and without it the verdict could be another{how}",
            delay_name(phase),
            number(late.p99),
            percent(asserted.bounds.loop_delay),
            number(bound)
        ),
        remedy,
    })
}

/// Its lateness, where it is no trifle beside the tightest latency that is asserted of the phase or
/// compared; that latency, in ms, and its name.
fn notable_lateness(
    phase: &Prepared<'_>,
    asserted: &Asserted<'_>,
) -> Option<(Spread, f64, &'static str)> {
    let late = lateness(phase)?;
    let bound = asserted
        .tightest
        .map(|b| (b, "the tightest latency bound asserted"));
    let compared = (asserted.compared)().map(|c| (c, "the least latency compared"));
    let (least, what) = bound
        .into_iter()
        .chain(compared)
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    (late.p99 > asserted.bounds.loop_delay * least).then_some((late, least, what))
}

/// How late its stamps may be; absent where they do not depend on the client's promptness.
fn lateness(phase: &Prepared<'_>) -> Option<Spread> {
    let health = phase.phase.health;
    match health.stamps.as_deref() {
        Some("kernel") => None,
        _ if health.read_delay.is_none() && by_two_tasks(phase) => {
            health.loop_delay.map(|s| times(s, TASKS))
        }
        _ => health.read_delay.or(health.loop_delay),
    }
}

fn times(Spread { p50, p99, max }: Spread, factor: f64) -> Spread {
    Spread {
        p50: p50 * factor,
        p99: p99 * factor,
        max: max * factor,
    }
}

fn delay_name(phase: &Prepared<'_>) -> &'static str {
    let health = phase.phase.health;
    match health.read_delay {
        Some(_) => "read delay",
        None if by_two_tasks(phase) => "loop delay, twice over,",
        None => "loop delay",
    }
}

/// Whether bytes pass through a task of the connection before the request's stamps them.
fn by_two_tasks(phase: &Prepared<'_>) -> bool {
    phase.phase.health.transport == "reqwest"
}

fn changes_a_verdict(phase: &Prepared<'_>, asserted: &Asserted<'_>, late: Spread) -> bool {
    changes_among(
        phase,
        asserted,
        &seen_in_time(phase.phase.runs, Lateness(late)),
    )
}

/// Whether a verdict is another on one of the ways in which the phase may have been.
fn changes_among(phase: &Prepared<'_>, asserted: &Asserted<'_>, ways: &[Vec<RunRecords>]) -> bool {
    let verdicts = |phase: &Prepared<'_>| -> Vec<Verdict> {
        let outcomes = (asserted.judged)(phase);
        outcomes.iter().map(|r| r.outcome.verdict).collect()
    };
    let seen = verdicts(phase);
    ways.iter().any(|runs| {
        let changed = JudgePhase {
            runs,
            ..*phase.phase
        };
        let singles = changed.singles();
        verdicts(&Prepared::with_runs(&changed, &singles)) != seen
    })
}

/// What the client's lateness is held against, and its name.
fn scale_of(phase: &Prepared<'_>, bound: Option<f64>) -> Option<(f64, &'static str)> {
    Some(match bound {
        Some(bound) => (bound, "the tightest latency bound asserted"),
        None => (median_latency(phase)?, "the median ttft"),
    })
}

fn late(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let lag = quantile_of(&phase.samples, "send_lag", 0.99)
        .or_else(|| phase.phase.health.send_lag.map(|s| s.p99))?;
    let (bound, what) = scale_of(phase, asserted.from_due)?;
    let share = asserted.bounds.send_lag;
    let (how, remedy) = cause(phase, asserted.bounds);
    (lag > share * bound).then(|| Invalid {
        reason: format!(
            "the client was late: p99 of send_lag is {} ms, over {} of {what} ({} ms){how}",
            number(lag),
            percent(share),
            number(bound)
        ),
        remedy,
    })
}

fn median_latency(phase: &Prepared<'_>) -> Option<f64> {
    ["ttft", "e2e_latency"]
        .into_iter()
        .filter_map(|name| quantile_of(&phase.samples, name, 0.5))
        .find(|m| m.is_finite())
}

/// Achieved / asked with slots to spare: requests that were due in the window and that the client had
/// not sent by its end (give or take two arrivals), although nothing but the client held them up.
fn behind(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let total = phase.samples.len() as f64;
    let mut unsent = 0usize;
    let mut held_up = 0usize;
    for run in &phase.samples.runs {
        let window = run.run.window;
        let between = window.end_us.saturating_sub(window.start_us) / run.rows.len().max(1) as u64;
        let in_time = window.end_us + (2 * between).max(SLACK_US);
        for row in &run.rows {
            if pushed_back(row.record) {
                held_up += 1;
            } else if row
                .record
                .sent_us
                .is_none_or(|t| t >= in_time + own(row.record))
            {
                unsent += 1;
            }
        }
    }
    // What the load engine counted may include requests that never came to a record.
    let counted = phase
        .phase
        .health
        .achieved_share
        .map_or(0.0, |share| 1.0 - share - held_up as f64 / total);
    let missing = (unsent as f64 / total).max(counted);
    let (how, remedy) = cause(phase, asserted.bounds);
    (missing > 1.0 - asserted.bounds.achieved).then(|| Invalid {
        reason: format!(
            "the client could not keep up: {} of the requests that were due were sent in time, with slots to spare{how}",
            percent((1.0 - missing).max(0.0))
        ),
        remedy,
    })
}

/// The same of a closed loop: slots that the client was slow to fill again, so that the server had less to
/// do than was asked for, and a verdict that may be due to it.
fn left_idle(phase: &Prepared<'_>, asserted: &Asserted<'_>) -> Option<Invalid> {
    let asked = asserted.slots?;
    let found = slots(phase.phase.runs, asked)?;
    if found.used >= asserted.bounds.achieved {
        return None;
    }
    let rates = (asserted.judged)(phase)
        .iter()
        .any(|r| r.would_reach(1.0 / found.used));
    let changes = || {
        let filled = as_if_filled(phase.phase.runs, found.idle_us);
        changes_among(phase, asserted, &filled)
    };
    if !rates && !changes() {
        return None;
    }
    let (how, remedy) = cause(phase, asserted.bounds);
    Some(Invalid {
        reason: format!(
            "the client could not keep up: of {asked} requests that were to be under way {} were, and with all of them the verdict could be another{how}",
            number(found.used * f64::from(asked))
        ),
        remedy,
    })
}

/// Time for which a request was held up by what is not the client's own doing.
fn own(record: &RequestRecord) -> u64 {
    record.wait_us.unwrap_or(0) + record.connect_us.unwrap_or(0)
}

/// The server held it up: every slot was taken by requests it had not answered, or it took no connection.
fn pushed_back(record: &RequestRecord) -> bool {
    record.wait_us.is_some_and(|w| w > 0)
        || record
            .error
            .as_ref()
            .is_some_and(|e| matches!(e.kind, ErrorKind::Connect | ErrorKind::ConnectTimeout))
}

/// A share as observed.
fn share_of(share: f64) -> String {
    quantity(share.min(1.0), Unit::Ratio)
}
