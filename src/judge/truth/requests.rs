use super::Draws;
use crate::judge::{JudgeInput, JudgePhase, Judged, Verdict, judge_case};
use crate::plan::{Case, expand};
use crate::record::{Part, RequestRecord, RunRecords, Window};
use crate::result::ClientHealth;
use crate::suite::{LoadOptions, SuiteInput, load};

/// Median of the times to first token in µs, and the spread of their logs.
const MEDIAN: f64 = 100_000.0;
const SIGMA: f64 = 0.4;
/// Mean time between arrivals in µs: 100 a second.
const APART: f64 = 10_000.0;
/// Time before the window in µs, so that its start is as busy as its middle.
const BEFORE: u64 = 1_000_000;

/// Requests that arrive as a Poisson stream of 100 a second, and whose log times to first token follow an
/// AR(1) about a level that differs from run to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// Requests that are to be expected in the window of a run.
    pub requests: u64,
    /// Correlation of neighbours.
    pub correlation: f64,
    /// Runs.
    pub runs: u32,
    /// Standard deviation of the logs between runs.
    pub between: f64,
}

impl Stream {
    /// The runs of one replication.
    pub fn drawn(&self, draws: &mut Draws) -> Vec<RunRecords> {
        (0..self.runs)
            .map(|_| {
                let offset = if self.between > 0.0 {
                    self.between * draws.normal()
                } else {
                    0.0
                };
                self.run(draws, offset)
            })
            .collect()
    }

    fn run(&self, draws: &mut Draws, offset: f64) -> RunRecords {
        let rho = self.correlation;
        let end = BEFORE + self.requests * APART as u64;
        let mut z = draws.normal();
        let mut at = 0.0;
        let mut records = Vec::new();
        while at < end as f64 {
            z = rho * z + (1.0 - rho * rho).sqrt() * draws.normal();
            at += APART * draws.exponential();
            let took = (MEDIAN * (SIGMA * z + offset).exp()) as u64;
            let due = at as u64;
            records.push(RequestRecord {
                id: records.len() as u64,
                due_us: Some(due),
                sent_us: Some(due),
                first_us: Some(due + took),
                end_us: Some(due + took),
                status: Some(200),
                finish: Some("length".into()),
                output_tokens: Some(1),
                part: if due < BEFORE {
                    Part::Warmup
                } else if due < end {
                    Part::Window
                } else {
                    Part::Tail
                },
                ..RequestRecord::default()
            });
        }
        RunRecords {
            scrapes: Vec::new(),
            cache: None,
            stopped: None,
            beside: Vec::new(),
            session: 0,
            open_loop: true,
            window: Window {
                start_us: BEFORE,
                end_us: end,
            },
            records,
        }
    }

    /// Standard deviation of the logs of all requests of all runs that there could be.
    fn spread(&self) -> f64 {
        SIGMA.hypot(self.between)
    }

    /// The quantile with the normal score `score`, in ms.
    fn quantile(&self, score: f64) -> f64 {
        MEDIAN / 1e3 * (self.spread() * score).exp()
    }

    /// True values of what [`Coverage::WHAT`] names.
    fn truths(&self) -> [f64; 4] {
        let spread = self.spread();
        [
            self.quantile(0.0),
            self.quantile(P95),
            self.quantile(0.0) * (spread * spread / 2.0).exp(),
            1e6 / APART,
        ]
    }
}

/// Normal scores of the 95th and the 99th percentile.
const P95: f64 = 1.644_853_627;
const P99: f64 = 2.326_347_874;

/// A case that asserts `sla` under the policy `undecided`.
///
/// # Panics
/// When that is no suite.
pub fn asserting(sla: &[String], undecided: &str) -> Case {
    let sla: Vec<String> = sla.iter().map(|s| format!("\"{s}\"")).collect();
    let text = format!(
        "suite: truth\ntarget: {{ url: \"sim://\" }}\nscenarios:\n  - {{ name: one, kind: latency, \
         load: {{ rate: 100/s }}, requests: 1000, undecided: {undecided}, \
         prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }}, sla: [{}] }}\n",
        sla.join(", ")
    );
    let input = SuiteInput {
        path: "truth.yaml".into(),
        bytes: text.into(),
    };
    match load(&[input], &LoadOptions::default()) {
        Ok(suites) => expand(&suites).remove(0),
        Err(problems) => panic!("no suite: {problems:?}"),
    }
}

fn judged(case: &Case, runs: &[RunRecords]) -> Judged {
    let health = ClientHealth::default();
    let phases = [JudgePhase {
        name: "main",
        runs,
        health: &health,
        gpus: None,
        interrupted: false,
    }];
    judge_case(JudgeInput::new(case, &phases))
}

/// How often the one-sided 95 % bounds held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Replications.
    pub of: u64,
    /// In how many the truth lay above the lower and below the upper bound, by [`Coverage::WHAT`].
    pub held: [[u64; 2]; 4],
}

impl Coverage {
    /// What is estimated.
    pub const WHAT: [&str; 4] = ["ttft.p50", "ttft.p95", "ttft.mean", "throughput"];

    /// In percent.
    pub fn percent(&self) -> [[f64; 2]; 4] {
        let share = |held: u64| 100.0 * held as f64 / self.of as f64;
        self.held.map(|bounds| bounds.map(share))
    }
}

/// Counts in `replications` how often the bounds hold of `stream`.
pub fn coverage(stream: &Stream, replications: u64) -> Coverage {
    let limits = ["< 10s", "< 10s", "< 10s", "> 1/s"];
    let sla: Vec<String> = Coverage::WHAT
        .iter()
        .zip(limits)
        .map(|(what, limit)| format!("{what} {limit}"))
        .collect();
    let case = asserting(&sla, "lean");
    let truths = stream.truths();
    let mut coverage = Coverage {
        of: replications,
        ..Coverage::default()
    };
    for seed in 0..replications {
        let runs = stream.drawn(&mut Draws::new(seed));
        let judged = judged(&case, &runs);
        let all = coverage.held.iter_mut().zip(&judged.assertions);
        for ((held, assertion), truth) in all.zip(truths) {
            let [lower, upper] = assertion.interval;
            held[0] += u64::from(lower.is_none_or(|x| x <= truth));
            held[1] += u64::from(upper.is_none_or(|x| truth <= x));
        }
    }
    coverage
}

/// How many of five assertions in each of `replications` pass although the system is at twice every limit.
pub fn passes(stream: &Stream, undecided: &str, replications: u64) -> u64 {
    let [p50, p95, mean, rate] = stream.truths();
    let limits = [
        format!("ttft.p50 < {:.3}ms", p50 / 2.0),
        format!("ttft.p95 < {:.3}ms", p95 / 2.0),
        format!("ttft.p99 < {:.3}ms", stream.quantile(P99) / 2.0),
        format!("ttft.mean < {:.3}ms", mean / 2.0),
        format!("throughput > {}/s", 2.0 * rate),
    ];
    let case = asserting(&limits, undecided);
    let mut passes = 0;
    for seed in 0..replications {
        let judged = judged(&case, &stream.drawn(&mut Draws::new(seed)));
        let written = judged.assertions.iter().filter(|a| !a.implicit);
        passes += written.filter(|a| a.verdict == Verdict::Pass).count() as u64;
    }
    passes
}
