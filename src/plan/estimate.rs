use crate::suite::{LoadShape, PromptSource, Scenario, StageLevel};

use super::case::{Case, PhasePlan};

/// What a case will take, as far as the plan alone can tell. Unknown is absent: how long a closed
/// loop of so many requests lasts is the server's doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Seconds, warm-up included, draining not.
    pub seconds: Option<f64>,
    /// Requests, warm-up included.
    pub requests: Option<f64>,
    /// Prompt tokens.
    pub input_tokens: Option<f64>,
    /// Output tokens, if every answer has the length asked for.
    pub output_tokens: Option<f64>,
}

impl Case {
    /// What the case will take: all phases, all runs.
    pub fn estimate(&self) -> Estimate {
        let runs = f64::from(self.scenario.repeats);
        let mut total = Estimate {
            seconds: Some(0.0),
            requests: Some(0.0),
            ..Estimate::default()
        };
        for phase in &self.phases {
            let (seconds, requests) = phase_estimate(phase, &self.scenario);
            total.seconds = sum(total.seconds, seconds, runs);
            total.requests = sum(total.requests, requests, runs);
        }
        if let PromptSource::Synthetic {
            input_tokens,
            output_tokens,
        } = &self.scenario.prompts.source
        {
            total.input_tokens = total.requests.map(|n| n * input_tokens.mean());
            total.output_tokens = total.requests.map(|n| n * output_tokens.mean());
        }
        total
    }
}

fn sum(total: Option<f64>, part: Option<f64>, times: f64) -> Option<f64> {
    Some(total? + part? * times)
}

/// Seconds and requests of one run of a phase.
fn phase_estimate(phase: &PhasePlan, scenario: &Scenario) -> (Option<f64>, Option<f64>) {
    let warmup = scenario.warmup.as_secs_f64();
    let duration = phase.duration.map(|d| d.as_secs_f64());
    let Some(rate) = phase.mean_rate() else {
        // Closed loop: a count of requests ends it at a time that only the server knows.
        let seconds = match phase.requests {
            None => duration.map(|d| warmup + d),
            Some(_) => None,
        };
        return (seconds, None);
    };
    let start_rate = match &phase.load.shape {
        LoadShape::Stages { stages, .. } => match stages.first().map(|s| s.from) {
            Some(StageLevel::Rate(r)) => r,
            _ => rate,
        },
        _ => rate,
    };
    let by_count = phase.requests.map(|n| n as f64 / rate);
    let window = match (by_count, duration) {
        (Some(a), Some(b)) => a.min(b),
        (Some(a), None) | (None, Some(a)) => a,
        (None, None) => return (None, None),
    };
    (
        Some(warmup + window),
        Some(warmup * start_rate + window * rate),
    )
}
