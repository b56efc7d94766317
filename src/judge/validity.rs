use crate::metrics::{asked_input, counts_failures, quantile_of};
use crate::record::{ErrorKind, RequestRecord};
use crate::suite::LengthTolerance;
use crate::suite::assertion::{Assertion, Expr, ExprKind, Function};

use super::expression::{Measured, bounds_above, compile, flipped, scale};
use super::prepared::Prepared;
use super::words::{number, percent};

/// Share of the tightest latency bound that the client's own lateness (p99) may reach.
const LAG_SHARE: f64 = 0.05;
/// Share of the asked requests that the client must have sent in time.
const ACHIEVED: f64 = 0.98;

/// Share of the prompts that may be of another length than asked for.
const OTHER_LENGTH: f64 = 0.01;

/// A request that was due just before the window's end may be sent this much after it, in µs.
const SLACK_US: u64 = 10_000;

/// Why a phase says nothing about the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub reason: String,
    pub remedy: &'static str,
}

/// Whether `phase` is not what was asked for, or the client was the limit. `tightest` is the tightest
/// latency bound asserted of it, in ms.
pub(super) fn invalid(
    phase: &Prepared<'_>,
    tightest: Option<f64>,
    tolerance: LengthTolerance,
) -> Option<Invalid> {
    if let Some(invalid) = other_lengths(phase, tolerance) {
        return Some(invalid);
    }
    if !phase.open_loop || phase.samples.is_empty() {
        return None;
    }
    late(phase, tightest).or_else(|| behind(phase))
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
        remedy: "name the model's own tokenizer, let the server count (`tokenizer: server`), or raise `length_tolerance`",
    })
}

fn late(phase: &Prepared<'_>, tightest: Option<f64>) -> Option<Invalid> {
    let lag = quantile_of(&phase.samples, "send_lag", 0.99)
        .or_else(|| phase.phase.health.send_lag.map(|s| s.p99))?;
    let (bound, what) = match tightest {
        Some(bound) => (bound, "the tightest latency bound asserted"),
        None => (median_latency(phase)?, "the median ttft"),
    };
    (lag > LAG_SHARE * bound).then(|| Invalid {
        reason: format!(
            "the client was late: p99 of send_lag is {} ms, over 5 % of {what} ({} ms)",
            number(lag),
            number(bound)
        ),
        remedy: "give prony more or idle cores, lower the rate, or run it on another machine",
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
fn behind(phase: &Prepared<'_>) -> Option<Invalid> {
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
    (missing > 1.0 - ACHIEVED).then(|| Invalid {
        reason: format!(
            "the client could not keep up: {} of the requests that were due were sent in time, with slots to spare",
            percent((1.0 - missing).max(0.0))
        ),
        remedy: "lower the rate, give prony more or idle cores, or run it on another machine",
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

/// The tightest latency bound, in ms, that `assertion` puts on a metric from above; bounds inside
/// `goodput` count.
pub(super) fn tightest_bound(assertion: &Assertion) -> Option<f64> {
    let mut bounds = Vec::new();
    for (this, other, op) in [
        (&assertion.lhs, &assertion.rhs, assertion.op),
        (&assertion.rhs, &assertion.lhs, flipped(assertion.op)),
    ] {
        inside_goodput(this, &mut bounds);
        let mut leaves = Vec::new();
        let measured = compile(this, &mut leaves);
        let limit = compile(other, &mut Vec::new());
        let (Some((a, b, Some(leaf))), Some((_, limit, None))) =
            (measured.affine(), limit.affine())
        else {
            continue;
        };
        let Measured::Metric(m) = &leaves[leaf] else {
            continue;
        };
        let above = bounds_above(op) == (a > 0.0);
        if a != 0.0 && above && counts_failures(m.metric.name) {
            bounds.push((limit - b) / a / scale(m.metric.unit));
        }
    }
    bounds
        .into_iter()
        .filter(|b| *b > 0.0)
        .min_by(f64::total_cmp)
}

fn inside_goodput(expr: &Expr, found: &mut Vec<f64>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Metric(_) => {}
        ExprKind::Call { function, .. } => {
            if let Function::Goodput(bounds) | Function::GoodputRate(bounds) = function {
                found.extend(
                    bounds
                        .iter()
                        .filter(|b| bounds_above(b.op) && counts_failures(b.metric.metric.name))
                        .map(|b| b.limit),
                );
            }
        }
        ExprKind::Neg(x) => inside_goodput(x, found),
        ExprKind::Binary { lhs, rhs, .. } => {
            inside_goodput(lhs, found);
            inside_goodput(rhs, found);
        }
    }
}
