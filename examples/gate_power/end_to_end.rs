//! The same through `prony run`: suite file, baselines on the disk, virtual time, exit code.

use std::path::Path;
use std::process::Command;

use prony::judge::Look;
use prony::result::{CaseResult, ChangeKind, RunResult};

use super::bank::{RATE, SLOTS, USERS, Workload};
use super::gates::{SUITE, decided};

/// Measured requests of a run: fewer than in the bank, because every token takes its way through HTTP.
const REQUESTS: usize = 300;

/// `count` invocations through this program as `prony`: half of them unchanged, half with 60 % more time to first
/// token; half with restarts. Whether each came out as it must, and each assertion as the draws would
/// have judged it.
pub fn agrees(count: u32) -> bool {
    let dir = tempfile::tempdir().expect("a folder for results");
    let (mut failed, mut judged, mut wrong) = ([0, 0], 0, 0);
    let mut as_expected = true;
    for i in 0..count {
        let worse = i % 2 == 1;
        let restarts = i % 4 < 2;
        let place = dir.path().join(i.to_string());
        std::fs::create_dir_all(&place).expect("a folder for an invocation");
        let base = prony(&place, "base", 2 * i, &suite(restarts, 0.0), true);
        let by = if worse { 0.6 } else { 0.0 };
        let candidate = prony(&place, "candidate", 2 * i + 1, &suite(restarts, by), false);
        as_expected &= base.0 == 0;
        failed[usize::from(worse)] += u32::from(candidate.0 == 101);
        for case in &candidate.1.cases {
            let (all, other) = compared(case);
            judged += all;
            wrong += other;
        }
    }
    println!(
        "through `prony run`: {count} invocations; {} of {} unchanged ones failed, {} of {} with ttft +60 %; {judged} \
         assertions, {wrong} judged otherwise than here",
        failed[0],
        count - count / 2,
        failed[1],
        count / 2
    );
    as_expected && failed == [0, count / 2] && wrong == 0 && judged == 30 * count
}

/// Assertions of `case`, and how many of them prony judged otherwise than the draws are.
fn compared(case: &CaseResult) -> (u32, u32) {
    let extended = case.phases.iter().any(|p| p.runs.len() > 5);
    let look = Look {
        index: u32::from(extended),
        of: 2,
    };
    let changes = case.baseline.iter().flat_map(|b| &b.changes);
    changes.fold((0, 0), |(all, wrong), change| {
        let phase = &case.phases[0];
        let values = |runs: &[Option<f64>]| -> Vec<f64> {
            runs.iter().map(|v| v.unwrap_or(f64::NAN)).collect()
        };
        let (before, after) = (values(&change.accepted_runs), values(&change.observed_runs));
        let restarts = phase.runs.iter().any(|r| r.session > 0);
        let session = |i: usize| if restarts { i as u32 } else { 0 };
        let side = |values: Vec<f64>| -> Vec<(u32, f64)> {
            let all = values.into_iter().enumerate();
            all.map(|(i, value)| (session(i), value)).collect()
        };
        let known = phase.noise.iter().find(|n| n.metric == change.metric);
        let left_open = known
            .and_then(|n| n.requests)
            .map_or(f64::NAN, |sd| sd * sd);
        let here: ChangeKind = decided(
            &change.metric,
            &side(before),
            &side(after),
            left_open,
            look,
            None,
        );
        (all + 1, wrong + u32::from(here != change.change))
    })
}

fn prony(place: &Path, name: &str, seed: u32, suite: &str, accept: bool) -> (i32, RunResult) {
    let file = place.join("gate.yaml");
    std::fs::write(&file, suite).expect("a suite");
    let results = place.join(name);
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .current_dir(place)
        .env_remove("CI")
        .env_remove("GITHUB_ACTIONS")
        .args(["run", "gate.yaml", "--virtual", "--seed", &seed.to_string()])
        .arg("--results")
        .arg(&results);
    if accept {
        command.arg("--update-baselines=all");
    }
    let output = command.output().expect("this program runs");
    let summary = std::fs::read(results.join("latest/summary.json")).unwrap_or_else(|e| {
        panic!("{e}: {}", String::from_utf8_lossy(&output.stderr));
    });
    let result = serde_json::from_slice(&summary).expect("a summary");
    (output.status.code().unwrap_or(-1), result)
}

/// The suite of the draws as a file.
fn suite(restarts: bool, ttft: f64) -> String {
    let restart = if restarts { "restart: repeat, " } else { "" };
    let mut text = format!(
        "suite: gate\ntarget:\n  url: \"sim://\"\n  sim:\n    scheduler: {{ max_num_seqs: {SLOTS} }}\n    variation: {{ session: 0.03, run: 0.01 }}\n    regression: {{ ttft: {ttft} }}\n\
         defaults: {{ {restart}repeats: 5, requests: {REQUESTS}, warmup: 2s, prompts: {{ type: synthetic, input_tokens: 64, output_tokens: {{ mean: 15, stddev: 8, min: 4, max: 64 }} }} }}\n\
         scenarios:\n"
    );
    for (i, scenario) in SUITE.into_iter().enumerate() {
        let (kind, load) = match scenario.workload() {
            Workload::Open => ("latency", format!("rate: {RATE}/s, arrivals: poisson")),
            Workload::Closed => ("throughput", format!("concurrency: {USERS}")),
        };
        // Half of the gaps may be 0 where chunks come together, so no suite may ask for a percentage of itl.p50.
        let rules = scenario
            .assertions()
            .map(|metric| format!("{}: 10%", metric.replace("itl.p50", "tpot.p50")));
        text += &format!(
            "  - {{ name: s{i}, kind: {kind}, load: {{ {load} }}, baseline: {{ {} }} }}\n",
            rules.join(", ")
        );
    }
    text
}
