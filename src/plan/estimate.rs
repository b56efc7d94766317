use crate::suite::{Extend, LoadShape, PromptSource, Scenario, StageLevel};
use crate::workload::{Schedule, stream};

use super::case::{Case, PhasePlan};
use super::sequential::Further;

/// What a case will take, as far as the plan alone can tell. Unknown is absent: how long a closed
/// loop of so many requests lasts is the server's doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Seconds, where the load says how long it lasts: warm-up and window of all runs. What the
    /// last requests take comes on top.
    pub seconds: Option<f64>,
    /// Seconds that it takes at least.
    pub least_seconds: f64,
    /// Seconds that it takes at most, every wait used to the last: for the target to become ready, for
    /// answers, for the drain. Absent where that is not known.
    pub most_seconds: Option<f64>,
    /// Requests, warm-up included.
    pub requests: Option<f64>,
    /// Prompt tokens.
    pub input_tokens: Option<f64>,
    /// Output tokens, if every answer has the length asked for.
    pub output_tokens: Option<f64>,
}

/// Arrivals that are drawn to say when a count of them ends; past that their mean is as good.
const MOST_DRAWN: u64 = 1_000_000;

/// Seconds that requests under way are given when a case's timeout is used up.
const BRIEF_DRAIN: f64 = 2.0;

impl Case {
    /// What the case will take as planned: all phases, all runs. Nothing for a case that is skipped.
    pub fn estimate(&self) -> Estimate {
        self.estimate_of(0, None)
    }

    /// What it takes at most, measured on as far as `extend` allows; `None` where it is not measured on.
    pub fn estimate_extended(&self) -> Option<Estimate> {
        let further = self.further()?;
        (further.whole > 0 || further.part.is_some())
            .then(|| self.estimate_of(further.whole, further.part))
    }

    /// Repeats that the plan allows in all, the last one perhaps in part.
    pub fn most_repeats(&self) -> f64 {
        let further = self.further();
        let more = further.map_or(0.0, |f| f64::from(f.whole) + f.part.unwrap_or(0.0));
        f64::from(self.scenario.repeats) + more
    }

    /// What may be measured on top of the planned repeats; `None` where it is not measured on, or that cannot
    /// be told beforehand.
    fn further(&self) -> Option<Further> {
        let scenario = &self.scenario;
        if !self.measures_on() {
            return None;
        }
        let repeats = f64::from(scenario.repeats);
        let amount = match scenario.extend {
            Extend::Off => return None,
            Extend::Factor(factor) => (factor - 1.0) * repeats,
            Extend::Time(time) => {
                let windows = self.phases.iter().map(PhasePlan::window_seconds);
                time.as_secs_f64() / windows.sum::<Option<f64>>()?
            }
        };
        Some(Further::of(amount, !self.compares() && !self.has_stages()))
    }

    fn has_stages(&self) -> bool {
        let mut phases = self.phases.iter();
        phases.any(|p| matches!(p.load.shape, LoadShape::Stages { .. }))
    }

    /// With `more` repeats on top, and `part` of another one.
    fn estimate_of(&self, more: u32, part: Option<f64>) -> Estimate {
        let scenario = &self.scenario;
        let mut total = Estimate {
            seconds: Some(0.0),
            most_seconds: Some(0.0),
            requests: Some(0.0),
            ..Estimate::default()
        };
        if scenario.skip.is_none() {
            total.most_seconds = Some(scenario.target.ready.timeout.as_secs_f64());
            for phase in &self.phases {
                let whole = scenario.repeats + more;
                let last = whole + u32::from(part.is_some());
                for run in 0..last {
                    let shortened = part.filter(|_| run == whole).map(|p| phase.shortened(p));
                    let one = of_run(shortened.as_ref().unwrap_or(phase), scenario, run);
                    total.seconds = sum(total.seconds, one.seconds);
                    total.least_seconds += one.least_seconds;
                    total.most_seconds = sum(total.most_seconds, one.most_seconds);
                    total.requests = sum(total.requests, one.requests);
                }
            }
        }
        if self.finds_its_loads() {
            // How many loads there will be, and which, is not known before.
            total = Estimate {
                least_seconds: total.least_seconds,
                ..Estimate::default()
            };
        }
        if let Some(timeout) = scenario.timeout.map(|t| t.as_secs_f64()) {
            total.seconds = total.seconds.map(|s| s.min(timeout));
            total.least_seconds = total.least_seconds.min(timeout);
            let drain = scenario.drain.as_secs_f64().min(BRIEF_DRAIN);
            let most = total.most_seconds.unwrap_or(f64::INFINITY);
            total.most_seconds = Some(most.min(timeout + drain));
        }
        if let PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            prefix,
            conversation,
        } = &scenario.prompts.source
        {
            let shared = prefix.map_or(0.0, |prefix| f64::from(prefix.tokens));
            // On average half of a conversation was said before.
            let said = conversation.map_or(0.0, |talk| {
                let before = f64::from(talk.turns - 1) / 2.0;
                before * (input_tokens.mean() + output_tokens.mean())
            });
            let input = shared + input_tokens.mean() + said;
            total.input_tokens = total.requests.map(|n| n * input);
            total.output_tokens = total.requests.map(|n| n * output_tokens.mean());
        }
        total
    }
}

fn sum(total: Option<f64>, part: Option<f64>) -> Option<f64> {
    Some(total? + part?)
}

impl PhasePlan {
    /// Requests that fall into the window of one run on average, where the plan says so: in a closed
    /// loop only without a `duration` that may end it first.
    pub fn window_requests(&self) -> Option<f64> {
        let by_count = self.requests.map(|n| n as f64);
        let Some(rate) = self.mean_rate() else {
            return by_count.filter(|_| self.duration.is_none());
        };
        let by_time = self.duration.map(|d| d.as_secs_f64() * rate);
        match (by_count, by_time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl PhasePlan {
    /// How long a window lasts, where the plan says so.
    fn window_seconds(&self) -> Option<f64> {
        let by_time = self.duration.map(|d| d.as_secs_f64());
        let by_count = self
            .requests
            .zip(self.mean_rate())
            .map(|(n, rate)| n as f64 / rate);
        match (by_time, by_count) {
            (Some(a), Some(b)) => Some(a.min(b)),
            // How long a count of requests takes in a closed loop is the target's doing.
            (a, None) => a.filter(|_| self.requests.is_none()),
            (None, b) => b,
        }
    }
}

/// One run of a phase.
fn of_run(phase: &PhasePlan, scenario: &Scenario, run: u32) -> Estimate {
    let warmup = phase.warmup(scenario).as_secs_f64();
    let drain = scenario.drain.as_secs_f64();
    let total_timeout = scenario.timeouts.total.as_secs_f64();
    let by_time = phase.duration.map(|d| warmup + d.as_secs_f64());
    let Some(rate) = phase.mean_rate() else {
        // Closed loop: a count of requests ends it at a time that only the server knows.
        let by_count = phase.requests.map(|n| {
            let at_once = phase.max_in_flight().map_or(1.0, f64::from).max(1.0);
            // Each takes its whole time at most, and the first one of the window may have to wait
            // for one of the warm-up.
            warmup + (1.0 + (n as f64 / at_once).ceil()) * total_timeout
        });
        let end = match (by_count, by_time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        return Estimate {
            seconds: by_time.filter(|_| phase.requests.is_none()),
            least_seconds: match phase.requests {
                Some(_) => warmup,
                None => by_time.unwrap_or(warmup),
            },
            most_seconds: end.map(|end| end + drain),
            ..Estimate::default()
        };
    };
    let by_count = phase
        .requests
        .and_then(|n| end_of_count(n, phase, scenario, run, rate));
    let end = match (by_count, by_time) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let start_rate = match &phase.load.shape {
        LoadShape::Stages { stages, .. } => match stages.first().map(|s| s.from) {
            Some(StageLevel::Rate(r)) => r,
            _ => rate,
        },
        _ => rate,
    };
    Estimate {
        seconds: end,
        least_seconds: end.unwrap_or(warmup),
        most_seconds: end.map(|end| end + drain),
        requests: phase
            .window_requests()
            .map(|window| warmup * start_rate + window),
        ..Estimate::default()
    }
}

/// When the first request too many is due, in seconds since the run's start: that ends a window of
/// `n` requests. The very arrivals of the run are drawn, since a hundred Poisson arrivals take 10 %
/// more or less time from seed to seed.
fn end_of_count(
    n: u64,
    phase: &PhasePlan,
    scenario: &Scenario,
    run: u32,
    rate: f64,
) -> Option<f64> {
    let warmup = phase.warmup(scenario).as_secs_f64();
    if n > MOST_DRAWN {
        return Some(warmup + n as f64 / rate);
    }
    let rng = stream(scenario.seed, "arrivals", u64::from(run));
    let schedule = match &phase.load.shape {
        LoadShape::Concurrency(_) => return None,
        LoadShape::Rate {
            per_second,
            arrivals,
        } => Schedule::steady(*per_second, *arrivals, rng),
        LoadShape::Stages { stages, arrivals } => Schedule::stages(warmup, stages, *arrivals, rng),
    };
    // A long warm-up at a high rate is not worth drawing either.
    let most = usize::try_from(4 * MOST_DRAWN).unwrap_or(usize::MAX);
    let due = schedule
        .take(most)
        .map(|ns| ns as f64 / 1e9)
        .filter(|&due| due >= warmup)
        .nth(usize::try_from(n).unwrap_or(usize::MAX));
    due.or_else(|| match &phase.load.shape {
        LoadShape::Rate { .. } => Some(warmup + n as f64 / rate),
        // The stages end before so many have come.
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::expand;
    use crate::suite::{LoadOptions, SuiteInput, load};

    /// The estimate of a scenario with `lines`.
    fn of(lines: &str) -> Estimate {
        let text = format!(
            "target: {{ url: \"sim://\", ready: {{ timeout: 1s }} }}\n\
             scenarios:\n  - {{ name: one, kind: latency, measure_only: true, warmup: 2s, timeouts: {{ total: 10s }},\n\
             \x20     prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }}, {lines} }}\n"
        );
        let input = SuiteInput {
            path: "one.yaml".into(),
            bytes: text.into(),
        };
        let suites = load(&[input], &LoadOptions::default()).unwrap();
        expand(&suites)[0].estimate()
    }

    #[test]
    fn a_load_that_says_how_long_it_lasts() {
        let open = of("load: { rate: 10/s }, duration: 8s, repeats: 3");
        assert_eq!(open.seconds, Some(30.0));
        assert_eq!(open.requests, Some(300.0));
        assert_eq!(open.most_seconds, Some(1.0 + 3.0 * 20.0));
        let counted = of("load: { rate: 10/s, arrivals: constant }, requests: 80");
        assert_eq!(counted.seconds, Some(10.0));
        let closed = of("load: { concurrency: 4 }, duration: 8s");
        assert_eq!((closed.seconds, closed.requests), (Some(10.0), None));
    }

    #[test]
    fn counted_poisson_arrivals_are_those_of_the_seed() {
        let seconds = |seed: u64| {
            of(&format!(
                "load: {{ rate: 10/s }}, requests: 100, seed: {seed}"
            ))
        };
        let drawn: Vec<f64> = (0..20).filter_map(|seed| seconds(seed).seconds).collect();
        let (least, most) = drawn
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(a, b), &s| (a.min(s), b.max(s)));
        assert_eq!(drawn.len(), 20);
        assert!(least < 11.5 && most > 12.5, "{least} to {most}");
    }

    #[test]
    fn measuring_on_is_counted_as_up_to() {
        let with = |lines: &str| {
            let text = format!(
                "target: {{ url: \"sim://\" }}\nscenarios:\n  - {{ name: one, kind: latency, sla: [ttft.p99 < 1s], warmup: 2s,\n\
                 \x20     prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }}, {lines} }}\n"
            );
            let input = SuiteInput {
                path: "one.yaml".into(),
                bytes: text.into(),
            };
            let suites = load(&[input], &LoadOptions::default()).unwrap();
            let case = expand(&suites).remove(0);
            (
                case.estimate().seconds,
                case.estimate_extended().and_then(|e| e.seconds),
            )
        };
        let load = "load: { rate: 10/s, arrivals: constant }, duration: 8s";
        assert_eq!(with(load), (Some(10.0), Some(20.0)));
        let of = |extend: &str| with(&format!("{load}, extend: {extend}")).1;
        assert_eq!(of("1.5x"), Some(16.0));
        assert_eq!(of("8s"), Some(20.0));
        assert_eq!(of("off"), None);
    }

    #[test]
    fn a_count_in_a_closed_loop_lasts_as_long_as_the_target_takes() {
        let closed = of("load: { concurrency: 4 }, requests: 10");
        assert_eq!(closed.seconds, None);
        assert_eq!(closed.least_seconds, 2.0);
        assert_eq!(closed.most_seconds, Some(1.0 + 2.0 + 4.0 * 10.0 + 10.0));
        let limited = of("load: { concurrency: 4 }, requests: 10, timeout: 5s");
        assert_eq!(limited.most_seconds, Some(7.0));
        let skipped = of("load: { concurrency: 4 }, duration: 8s, skip: why");
        assert_eq!(
            (skipped.seconds, skipped.most_seconds),
            (Some(0.0), Some(0.0))
        );
    }
}
