//! Three gates on the same runs: what people write by hand, a rank test on requests, and prony.

use prony::judge::{
    Known, Look, Noise, Pairing, Rule, RunValue, Scale, Side, assumed_session_sd, compare,
};
use prony::metrics::{Direction, Unit};
use prony::result::ChangeKind;
use prony::stats::mann_whitney;

use super::bank::{METRICS, Run, Workload};

/// How much worse is tolerated, by every assertion.
pub const TOLERANCE: f64 = 0.10;
/// Relative assertions of the suite: ten scenarios of three.
pub const M: u32 = 30;

/// A kind of scenario: its load and its three assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Time to first token in an open loop.
    FirstToken,
    /// Gaps between tokens in an open loop.
    Streaming,
    /// What is served in a closed loop.
    Serving,
}

/// The ten scenarios of an invocation.
pub const SUITE: [Scenario; 10] = [
    Scenario::FirstToken,
    Scenario::FirstToken,
    Scenario::FirstToken,
    Scenario::FirstToken,
    Scenario::Streaming,
    Scenario::Streaming,
    Scenario::Streaming,
    Scenario::Serving,
    Scenario::Serving,
    Scenario::Serving,
];

impl Scenario {
    pub fn workload(self) -> Workload {
        match self {
            Scenario::FirstToken | Scenario::Streaming => Workload::Open,
            Scenario::Serving => Workload::Closed,
        }
    }

    pub fn assertions(self) -> [&'static str; 3] {
        match self {
            Scenario::FirstToken => ["ttft.p50", "ttft.p95", "ttft.p99"],
            Scenario::Streaming => ["itl.p50", "itl.p95", "itl.p99"],
            Scenario::Serving => ["throughput", "tokens_per_second", "e2e_latency.p95"],
        }
    }

    /// What a gate by hand looks at.
    fn tail(self) -> &'static str {
        match self {
            Scenario::FirstToken => "ttft.p99",
            Scenario::Streaming => "itl.p99",
            Scenario::Serving => "e2e_latency.p99",
        }
    }

    /// Values of requests that belong to it.
    fn requests(self, run: &Run) -> &[f64] {
        match self {
            Scenario::FirstToken => &run.requests[0],
            Scenario::Streaming => &run.requests[1],
            Scenario::Serving => &run.requests[2],
        }
    }
}

pub fn place(metric: &str) -> usize {
    let found = METRICS.iter().position(|m| *m == metric);
    found.expect("the bank has it")
}

/// One run a side, and p99 grew by more than a tenth.
pub fn by_hand(scenario: Scenario, base: &Run, candidate: &Run) -> bool {
    let of = |run: &Run| run.values[place(scenario.tail())];
    of(candidate) > 1.1 * of(base)
}

/// One run a side; requests of the candidate tend to be slower, p < 0.05 (one-sided).
pub fn by_ranks(scenario: Scenario, base: &Run, candidate: &Run) -> bool {
    let (a, b) = (scenario.requests(candidate), scenario.requests(base));
    let Some(found) = mann_whitney(a, b) else {
        return false;
    };
    found.u > (a.len() * b.len()) as f64 / 2.0 && found.p / 2.0 < 0.05
}

/// A run of one side with the session it belongs to.
pub type Placed<'a> = (u32, &'a Run);

/// What prony says of one assertion.
pub fn change(
    metric: &str,
    base: &[Placed<'_>],
    candidate: &[Placed<'_>],
    look: Look,
    noise: Option<f64>,
) -> ChangeKind {
    let values = |runs: &[Placed<'_>]| -> Vec<(u32, f64)> {
        let all = runs.iter();
        all.map(|(session, run)| (*session, run.values[place(metric)]))
            .collect()
    };
    let left_open = candidate[0].1.left_open[place(metric)];
    decided(
        metric,
        &values(base),
        &values(candidate),
        left_open,
        look,
        noise,
    )
}

/// The same of values with their sessions. `left_open`: the relative variance that a run of the candidate has
/// by its own requests; of stored runs it is not known.
pub fn decided(
    metric: &str,
    base: &[(u32, f64)],
    candidate: &[(u32, f64)],
    left_open: f64,
    look: Look,
    noise: Option<f64>,
) -> ChangeKind {
    let values = |runs: &[(u32, f64)], sampling_var: f64| -> Vec<RunValue> {
        let of = |(session, value): &(u32, f64)| RunValue {
            session: *session,
            value: *value,
            sampling_var,
        };
        runs.iter().map(of).collect()
    };
    let (base, candidate) = (values(base, f64::NAN), values(candidate, left_open));
    let noise = Noise {
        session: noise.map(|sd| Known {
            sd,
            freedom: f64::INFINITY,
        }),
        ..Noise::default()
    };
    let side = |runs| Side { runs, noise };
    let higher = matches!(metric, "throughput" | "tokens_per_second");
    let rule = Rule {
        direction: if higher {
            Direction::HigherIsBetter
        } else {
            Direction::LowerIsBetter
        },
        tolerance: TOLERANCE,
        absolute_floor: None,
        scale: Scale::Ratio,
        pairing: Pairing::None,
        m: M,
        confidence: 0.95,
        look,
        assumed: assumed_session_sd(if higher {
            Unit::PerSecond
        } else {
            Unit::Milliseconds
        }),
    };
    compare(&side(&base), &side(&candidate), &rule).change
}

/// What prony's gate came to for one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// By assertion.
    pub changes: [ChangeKind; 3],
    /// Runs of the candidate.
    pub runs: usize,
}

impl Verdict {
    pub fn failed(&self) -> bool {
        self.changes.contains(&ChangeKind::Regressed)
    }
}

/// As `prony run` does it: the planned runs, and where something is open or fails, as many again as
/// `candidate` has; decided on all.
pub fn prony(
    scenario: Scenario,
    base: &[Placed<'_>],
    candidate: &[Placed<'_>],
    planned: usize,
    noise: Option<f64>,
) -> Verdict {
    let looks = if candidate.len() > planned { 2 } else { 1 };
    let at = |runs: usize, index: u32| {
        let look = Look { index, of: looks };
        let all = scenario.assertions();
        all.map(|metric| change(metric, base, &candidate[..runs], look, noise))
    };
    let first = at(planned, 0);
    let settled =
        |change: &ChangeKind| matches!(change, ChangeKind::WithinTolerance | ChangeKind::Improved);
    if looks == 1 || first.iter().all(settled) {
        return Verdict {
            changes: first,
            runs: planned,
        };
    }
    Verdict {
        changes: at(candidate.len(), 1),
        runs: candidate.len(),
    }
}
