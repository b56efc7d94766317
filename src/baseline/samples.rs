//! Baselines for tests.

use std::collections::BTreeMap;

use super::extract::{ExtraValues, MeasuredFor, baseline_of};
use super::file::{BASELINE_SCHEMA, BaselineFile, PhaseBaseline, Proposal, ProposedChange, Why};
use crate::metrics::Unit;
use crate::metrics::synthetic::{MS, S, request};
use crate::record::{RunRecords, Window};
use crate::result::ChangeKind;

/// `runs` runs of an open loop of 40 requests, `slower` times as slow as they could be; two runs a
/// session where `sessions`.
pub fn runs(runs: u32, slower: f64, sessions: bool) -> Vec<RunRecords> {
    (0..runs)
        .map(|run| RunRecords {
            session: if sessions { run / 2 } else { 0 },
            open_loop: true,
            window: Window {
                start_us: 0,
                end_us: 4 * S,
            },
            records: (0..40)
                .map(|i| {
                    let ttft = (40 + i % 7 + u64::from(run % 3)) as f64 * slower;
                    request(
                        i,
                        i * 100 * MS,
                        (ttft * MS as f64) as u64,
                        10,
                        8 * MS + i * 10,
                    )
                })
                .collect(),
            scrapes: Vec::new(),
            cache: None,
            stopped: None,
            beside: Vec::new(),
        })
        .collect()
}

/// The phase `main` of those runs.
pub fn phase(of: &[RunRecords]) -> PhaseBaseline {
    let pairs = [
        ("accelerator", "sim/quick"),
        ("load", "20/s poisson"),
        ("model", "prony-sim"),
    ];
    let identity = pairs
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into_iter()
        .collect();
    let measured = MeasuredFor {
        name: "main",
        identity: &identity,
        runs: of,
        gpus: None,
    };
    let goodput = ExtraValues {
        metric: "goodput(ttft < 500ms)".to_owned(),
        statistic: "value".to_owned(),
        unit: Unit::Ratio,
        values: vec![Some(0.99); of.len()],
    };
    baseline_of(measured, &[goodput])
}

/// A case with that one phase.
pub fn file(phase: PhaseBaseline) -> BaselineFile {
    BaselineFile {
        schema: BASELINE_SCHEMA,
        suite: "chat".to_owned(),
        case: "steady".to_owned(),
        variant: Some("sim/quick".to_owned()),
        proposal: None,
        subject: BTreeMap::from([("engine".to_owned(), "0.9.1".to_owned())]),
        context: BTreeMap::from([("date".to_owned(), "2026-11-20".to_owned())]),
        phases: vec![phase],
        answers: None,
    }
}

/// What a run proposes that was a fifth slower.
pub fn regressed() -> BaselineFile {
    BaselineFile {
        proposal: Some(Proposal {
            why: Why::Regressed,
            run: "20261122T044500Z-abcd".to_owned(),
            changes: vec![ProposedChange {
                metric: "ttft.p99".to_owned(),
                change: ChangeKind::Regressed,
                ratio: Some(1.2),
            }],
        }),
        subject: BTreeMap::from([("engine".to_owned(), "0.9.2".to_owned())]),
        ..file(phase(&runs(5, 1.2, false)))
    }
}
