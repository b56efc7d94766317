use super::plan::RunPlan;
use crate::suite::{LoadShape, StageLevel};

/// Streams that one measuring thread serves with room to spare: at a token per 10 ms they take two thirds of a
/// core at most (`docs/performance.md`).
const STREAMS: f64 = 1024.0;
/// Requests per second, likewise.
const REQUESTS: f64 = 4_000.0;
/// Tokens per second, likewise.
const TOKENS: f64 = 150_000.0;

/// How many measuring threads a run gets that does not say: as many as its load may need, as far as there
/// are cores for them.
///
/// `cores` are those that this process may use. A target on the same machine (`beside`) needs as many of
/// them as it serves, so that half are left to it; of any other target's one is left to what prony does
/// besides. `answer` is the length of an answer in tokens, where that is known: an open loop is then as
/// costly as the tokens that come back.
pub fn threads_for(plan: &RunPlan, answer: Option<f64>, cores: usize, beside: bool) -> usize {
    let (mut streams, mut rate) = (0.0_f64, 0.0_f64);
    let mut level = |level: StageLevel| match level {
        StageLevel::Concurrency(n) => streams = streams.max(f64::from(n)),
        StageLevel::Rate(r) => rate = rate.max(r),
    };
    match &plan.load.shape {
        LoadShape::Concurrency(n) => level(StageLevel::Concurrency(*n)),
        LoadShape::Rate { per_second, .. } => level(StageLevel::Rate(*per_second)),
        LoadShape::Stages { stages, .. } => stages.iter().for_each(|stage| {
            level(stage.from);
            level(stage.to);
        }),
    }
    let tokens = rate * answer.unwrap_or(0.0);
    let needed = (streams / STREAMS)
        .max(rate / REQUESTS)
        .max(tokens / TOKENS);
    let room = if beside {
        cores / 2
    } else {
        cores - cores.min(1)
    };
    // The cast saturates.
    (needed.ceil() as usize).clamp(1, room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tests::{constant, plan};
    use crate::suite::Stage;
    use std::time::Duration;

    fn of(shape: LoadShape, cores: usize, beside: bool) -> usize {
        threads_for(&plan(shape), None, cores, beside)
    }

    #[test]
    fn a_load_that_one_core_can_carry_has_one_thread() {
        for cores in [1, 2, 64] {
            assert_eq!(of(LoadShape::Concurrency(1024), cores, false), 1);
            assert_eq!(of(constant(1_000.0), cores, false), 1);
        }
    }

    #[test]
    fn a_small_machine_never_starves_its_server() {
        for cores in [1, 2, 3] {
            assert_eq!(of(LoadShape::Concurrency(100_000), cores, true), 1);
        }
        assert_eq!(of(LoadShape::Concurrency(100_000), 2, false), 1);
        assert_eq!(of(LoadShape::Concurrency(100_000), 16, true), 8);
        assert_eq!(of(LoadShape::Concurrency(100_000), 16, false), 15);
    }

    #[test]
    fn the_highest_level_decides() {
        assert_eq!(of(LoadShape::Concurrency(4096), 64, false), 4);
        assert_eq!(of(constant(10_000.0), 64, false), 3);
        let stage = |from, to| Stage {
            from: StageLevel::Concurrency(from),
            to: StageLevel::Concurrency(to),
            duration: Duration::from_secs(1),
        };
        let stages = LoadShape::Stages {
            stages: vec![stage(1, 2048), stage(10, 10)],
            arrivals: crate::suite::Arrivals::Poisson,
        };
        assert_eq!(of(stages, 64, false), 2);
        let long = threads_for(&plan(constant(1_000.0)), Some(600.0), 64, false);
        assert_eq!(long, 4);
        assert_eq!(of(constant(f64::INFINITY), 8, false), 7);
    }
}
