//! Whether a search for the capacity finds what an exhaustive sweep does: four slots of the embedded
//! engine, a limit on p95 of TTFT, ten seeds, in virtual time. The exit code says whether every answer
//! is within the stated precision of the truth.
//!
//!     cargo run --release --example search_truth

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use prony::plan::expand;
use prony::result::{CaseResult, MetricSummary};
use prony::runner::{Context, Interrupt, run_case, run_info};
use prony::suite::{LoadOptions, SuiteInput, load, render_all};

/// Milliseconds that p95 of TTFT may take.
const LIMIT: f64 = 100.0;
/// What the search is asked for, as a share of the capacity.
const PRECISION: f64 = 0.05;
/// Between the rates of the exhaustive sweep, which begins at [`FIRST`].
const STEP: f64 = 1.0;
const FIRST: f64 = 35.0;
const SEEDS: u64 = 10;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("prony-search-truth-{}", std::process::id()));
    let answer = compare(&dir);
    std::fs::remove_dir_all(&dir)?;
    answer
}

fn compare(dir: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let truth = exhaustive(dir)?;
    println!("exhaustive sweep: p95 of TTFT reaches {LIMIT} ms at {truth:.2}/s");
    let mut worst: f64 = 0.0;
    for seed in 0..SEEDS {
        let settings = format!(
            "kind: throughput, seed: {seed}, duration: 30s, measure_only: true, \
             search: {{ maximize: rate, from: 5/s, to: 200/s, precision: {} %, subject_to: [\"ttft.p95 < {LIMIT}ms\"] }}",
            PRECISION * 100.0
        );
        let found = carried_out(dir, seed, &settings)?;
        let capacity = found.answers.iter().find(|a| a.name == "capacity");
        let value = capacity.and_then(|a| a.value).ok_or("no capacity")?;
        let runs: u32 = found.path.iter().map(|p| p.runs).sum();
        println!(
            "seed {seed}: {value:.2}/s ({:+.1} %), {} probes of {runs} runs, {:.0} s of virtual time",
            (value / truth - 1.0) * 100.0,
            found.path.len(),
            found.duration_s,
        );
        worst = worst.max((value / truth - 1.0).abs());
    }
    println!(
        "worst of {SEEDS}: {:.1} %; asked for {:.0} %",
        worst * 100.0,
        PRECISION * 100.0
    );
    Ok(if worst <= PRECISION {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The rate at which the limit breaks, from long runs at rates close together.
fn exhaustive(dir: &Path) -> Result<f64, Box<dyn Error>> {
    let mut below: Option<(f64, f64)> = None;
    for i in 0..100 {
        let rate = FIRST + STEP * f64::from(i);
        let settings = format!(
            "kind: latency, load: {{ rate: {rate}/s }}, requests: 50000, measure_only: true"
        );
        let found = carried_out(dir, 1, &settings)?;
        let ttft = found.phases.first().and_then(|p| p.metrics.get("ttft"));
        let Some(MetricSummary::Distribution(ttft)) = ttft else {
            return Err("no TTFT".into());
        };
        let p95 = ttft.p95.ok_or("no p95")?;
        match below {
            Some((rate0, p0)) if p95 > LIMIT => {
                return Ok(rate0 + (rate - rate0) * (LIMIT / p0).ln() / (p95 / p0).ln());
            }
            _ => below = Some((rate, p95)),
        }
    }
    Err("the limit holds at every rate".into())
}

fn carried_out(dir: &Path, seed: u64, settings: &str) -> Result<CaseResult, Box<dyn Error>> {
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ scheduler.max_num_seqs: 4 }} }}\n\
         defaults: {{ prompts: {{ type: synthetic, input_tokens: 64, output_tokens: 8 }}, warmup: 1s }}\n\
         scenarios:\n  - {{ name: one, {settings} }}\n"
    );
    let input = SuiteInput {
        path: "one.yaml".into(),
        bytes: text.into(),
    };
    let suites = load(&[input], &LoadOptions::default()).map_err(|p| render_all(&p, false))?;
    let case = expand(&suites).remove(0);
    let mut context = Context::new(
        dir.to_owned(),
        run_info(Vec::new(), None, BTreeMap::new()),
        String::new(),
        seed,
        true,
        Arc::new(Interrupt::none()),
    );
    context.virtual_time = true;
    let found = run_case(&case, &context);
    match context.internal().first() {
        Some(problem) => Err(problem.clone().into()),
        None => Ok(found),
    }
}
