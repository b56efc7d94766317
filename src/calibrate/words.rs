use super::design::Plan;
use super::proposal::{Calibrated, Proposal, written};
use super::verify::Verified;
use crate::result::{ChangeKind, LevelNoise};
use crate::text::{minutes, number};

/// What was found of a phase, as a table for a terminal.
pub fn table(found: &Calibrated, verified: Option<&Verified>) -> String {
    let mut out = format!(
        "{} {}: {} in {}; a run takes {}",
        found.case,
        found.phase,
        several(found.runs, "run"),
        several(found.sessions, "session"),
        minutes(found.cost.run_s)
    );
    if found.cost.restarts {
        out += &format!(", a start {}", minutes(found.cost.start_s));
    }
    out.push('\n');
    if found.noise.is_empty() {
        return out + "  nothing was measured that noise could be told of\n";
    }
    let mut rows = vec![vec![
        "metric".to_owned(),
        "typical".to_owned(),
        "requests".to_owned(),
        "runs".to_owned(),
        "sessions".to_owned(),
    ]];
    let columns = found.proposals.iter().enumerate();
    rows[0].extend(columns.map(|(i, _)| if i == 0 { "tolerance" } else { "in time" }.to_owned()));
    for noise in &found.noise {
        let sd = |level: Option<LevelNoise>| level.map_or("–".to_owned(), |l| share(l.sd));
        let session = noise.session.or(if noise.within.is_none() {
            noise.between
        } else {
            None
        });
        let mut row = vec![
            noise.metric.clone(),
            number(Some(noise.typical), noise.unit),
            noise.requests.map_or("–".to_owned(), share),
            sd(noise.run.or(noise.within)),
            sd(session),
        ];
        for proposal in &found.proposals {
            let tolerance = proposal.tolerances.get(&noise.metric);
            row.push(tolerance.map_or("–".to_owned(), |t| share(*t)));
        }
        rows.push(row);
    }
    out += &aligned(&rows);
    for (i, proposal) in found.proposals.iter().enumerate() {
        let name = if i == 0 { "tolerance" } else { "in time" };
        out += &format!("  {name}: {} a side\n", plan(proposal.plan));
    }
    if found.sessions < 2 {
        out += "  one session tells nothing of what server starts differ by: 3 % are assumed, 5 % of times\n";
    }
    if let Some(verified) = verified {
        out += &verification(verified);
    }
    out
}

fn verification(verified: &Verified) -> String {
    let pairs: std::collections::BTreeSet<u32> = verified.changes.iter().map(|c| c.pair).collect();
    let mut out = format!(
        "  verified with {} of the same: {} within tolerance, {} undecided, {} regressed, {} improved\n",
        several(u32::try_from(pairs.len()).unwrap_or(u32::MAX), "pair"),
        verified.count(ChangeKind::WithinTolerance),
        verified.count(ChangeKind::Undecided),
        verified.count(ChangeKind::Regressed),
        verified.count(ChangeKind::Improved)
    );
    for wrong in &verified.changes {
        if matches!(wrong.change, ChangeKind::Regressed | ChangeKind::Improved) {
            let by = wrong
                .ratio
                .map_or(String::new(), |r| format!(" by {}", share((r - 1.0).abs())));
            out += &format!(
                "    pair {}: {} was taken to differ{by} at a tolerance of {}\n",
                wrong.pair,
                wrong.metric,
                share(wrong.tolerance)
            );
        }
    }
    out
}

/// `5 repeats in 1 session (3 min)`.
fn plan(plan: Plan) -> String {
    format!(
        "{} in {} ({})",
        several(plan.repeats, "repeat"),
        several(plan.sessions, "session"),
        minutes(plan.seconds)
    )
}

/// What a gate is mostly made of: several quantiles, since a shift of everything shows best in the middle
/// and one of the slowest requests in the tail alone.
const GATED: [&str; 6] = [
    "ttft.p50",
    "ttft.p95",
    "ttft.p99",
    "tpot.p50",
    "tpot.p95",
    "tokens_per_second",
];

/// The proposed tolerances as `baseline:` would have them, of the metrics that are gated most.
pub fn baseline_line(proposal: &Proposal) -> String {
    let entries: Vec<String> = GATED
        .iter()
        .filter_map(|metric| Some((metric, proposal.tolerances.get(*metric)?)))
        .map(|(metric, tolerance)| format!("{metric}: {}", written(tolerance)))
        .collect();
    format!("baseline: {{ {} }}", entries.join(", "))
}

fn share(share: f64) -> String {
    written(&share).replace('%', " %")
}

fn several(n: u32, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| {
        let cells = rows.iter().filter_map(|r| r.get(i));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (cell, &width))| {
                let gap = " ".repeat(width - cell.chars().count());
                if i == 0 {
                    format!("{cell}{gap}")
                } else {
                    format!("{gap}{cell}")
                }
            })
            .collect();
        out += &format!("  {}\n", cells.join("  ").trim_end());
    }
    out
}
