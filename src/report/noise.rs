use super::console::one_line;
use super::table::Table;
use crate::result::{CaseResult, LevelNoise, NoiseResult, PhaseResult};
use crate::text::{MISSING, number};

/// What a person looks at first.
const CHIEF: [&str; 4] = ["ttft.p50", "ttft.p99", "tpot.p50", "tokens_per_second"];

/// Headings of [`cells`].
pub(super) const HEADINGS: [&str; 6] = [
    "Metric",
    "Typical",
    "Requests",
    "Runs",
    "Sessions",
    "Can be told from",
];

/// What a metric varies by, level by level, and the smallest change that can be told of it.
pub(super) fn cells(noise: &NoiseResult) -> Vec<String> {
    vec![
        one_line(&noise.metric),
        number(Some(noise.typical), noise.unit),
        share(noise.requests),
        share(of_runs(noise)),
        share(of_sessions(noise)),
        share(noise.smallest_change),
    ]
}

/// The chief metrics of a phase in a table, a line each; nothing of a phase with one run.
pub(super) fn lines(phase: &PhaseResult, width: usize) -> Vec<String> {
    let chief: Vec<&NoiseResult> = CHIEF
        .iter()
        .filter_map(|name| phase.noise.iter().find(|n| n.metric == *name))
        .collect();
    if chief.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(&[
        ("varies by", false),
        ("typical", true),
        ("requests", true),
        ("runs", true),
        ("sessions", true),
        ("can tell", true),
    ]);
    for noise in chief {
        table.row(cells(noise));
    }
    let rows = table.lines(width);
    rows.iter()
        .map(|row| row.join("  ").trim_end().to_owned())
        .collect()
}

/// What the case's measurement tells for each of its assertions, and what it would cost to tell their
/// tolerance: a line each.
pub(super) fn told(case: &CaseResult) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for assertion in &case.assertions {
        let Some(tells) = &assertion.tells else {
            continue;
        };
        let line = format!("{}: {}", one_line(&assertion.text), one_line(&tells.text));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Between runs: requests taken out where they are known, else as seen.
fn of_runs(noise: &NoiseResult) -> Option<f64> {
    noise.run.or(noise.within).map(|l| l.sd)
}

/// Between sessions: runs taken out; where every run is a session, both together.
fn of_sessions(noise: &NoiseResult) -> Option<f64> {
    let as_seen = noise.between.filter(|_| noise.within.is_none());
    noise.session.or(as_seen).map(|l: LevelNoise| l.sd)
}

/// A share with two significant digits, at most two decimals.
fn share(share: Option<f64>) -> String {
    let Some(percent) = share.filter(|s| s.is_finite()).map(|s| s * 100.0) else {
        return MISSING.to_owned();
    };
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.995 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_digits() {
        let shown = |s| share(Some(s));
        assert_eq!(
            [
                shown(0.234),
                shown(0.0314),
                shown(0.0042),
                shown(0.0),
                share(None)
            ],
            ["23 %", "3.1 %", "0.42 %", "0.00 %", MISSING]
        );
    }
}
