use crate::judge::{Against, Design, MetricNoise, detectable};
use crate::plan::Look;

/// What runs and starts of a case take, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// A run: warm-up, window, drain.
    pub run_s: f64,
    /// A start of the target.
    pub start_s: f64,
    /// prony can start it anew.
    pub restarts: bool,
}

/// How one side of a comparison is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Runs in all.
    pub repeats: u32,
    /// Sessions that they are spread over.
    pub sessions: u32,
    /// How long that takes, in seconds.
    pub seconds: f64,
}

/// Most sessions that a plan is tried with.
const MOST_SESSIONS: u32 = 40;
/// Runs of a session that a plan is tried with.
const RUNS_OF_A_SESSION: [u32; 8] = [1, 2, 3, 4, 5, 8, 12, 20];

impl Cost {
    /// How long `repeats` runs in `sessions` sessions take.
    pub fn seconds(&self, repeats: u32, sessions: u32) -> f64 {
        f64::from(repeats) * self.run_s + f64::from(sessions) * self.start_s
    }

    /// A plan with what it takes.
    pub fn plan(&self, repeats: u32, sessions: u32) -> Plan {
        Plan {
            repeats,
            sessions,
            seconds: self.seconds(repeats, sessions),
        }
    }
}

/// The smallest change of a metric that `plan` tells from none, both sides measured like this.
pub(super) fn smallest_change(noise: &MetricNoise, plan: Plan, confidence: f64) -> Option<f64> {
    let design = Design {
        repeats: plan.repeats,
        sessions: plan.sessions,
        against: Against::Same,
        confidence,
        look: Look::ONLY,
    };
    detectable(noise, &design, None)?.smallest_change
}

/// The plan of at most `seconds` that tells the smallest changes, over all of `noise` (by the mean of
/// their logarithms). `None`: not even three runs fit in.
pub(super) fn best_within(
    noise: &[MetricNoise],
    cost: &Cost,
    seconds: f64,
    confidence: f64,
) -> Option<Plan> {
    let most = if cost.restarts { MOST_SESSIONS } else { 1 };
    let mut best: Option<(f64, Plan)> = None;
    for sessions in 1..=most {
        for runs in RUNS_OF_A_SESSION {
            let plan = cost.plan(sessions * runs, sessions);
            if plan.seconds > seconds {
                break;
            }
            let changes = noise
                .iter()
                .filter_map(|n| smallest_change(n, plan, confidence));
            let logs: Vec<f64> = changes.map(|c| c.max(1e-6).ln()).collect();
            if logs.is_empty() {
                continue;
            }
            let score = logs.iter().sum::<f64>() / logs.len() as f64;
            if best.is_none_or(|(least, _)| score < least) {
                best = Some((score, plan));
            }
        }
    }
    best.map(|(_, plan)| plan)
}
