use crate::driver::Nanos;
use crate::sim::config::{CostConfig, SimConfig, VariationConfig};

use super::random::Random;

/// What a step computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Prompt tokens (and drafted tokens that are checked).
    pub prefill_tokens: u64,
    /// Sequences that decode.
    pub sequences: u64,
    /// Context that is read.
    pub context_tokens: u64,
}

/// The step's duration without any variation, in ns.
pub(super) fn nominal(cost: &CostConfig, work: Work) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tokens, far below 2⁵³"
    )]
    let (prefill, sequences, context) = (
        work.prefill_tokens as f64,
        work.sequences as f64,
        work.context_tokens as f64,
    );
    cost.base_ms * 1e6
        + cost.prefill_us * 1e3 * prefill
        + cost.sequence_us * 1e3 * sequences
        + cost.context_ns * context
}

/// How fast the engine is at a time: everything that all replicas share.
pub(super) struct Speed {
    config: VariationConfig,
    seed: u64,
    session: f64,
    run: f64,
    throughput: f64,
    phase: f64,
    bursts: Bursts,
}

impl Speed {
    pub(super) fn new(config: &SimConfig, session_seed: u64) -> Speed {
        let v = config.variation.clone();
        let mut random = Random::keyed(session_seed, 1);
        Speed {
            session: random.log_normal(v.session),
            phase: random.unit(),
            run: 1.0,
            seed: session_seed,
            throughput: 1.0 + config.regression.throughput,
            bursts: Bursts::new(&v, session_seed),
            config: v,
        }
    }

    pub(super) fn begin_run(&mut self, run: u64) {
        let mut random = Random::keyed(self.seed, 2 ^ run.rotate_left(17));
        self.run = random.log_normal(self.config.run);
    }

    /// By what a step that begins at `now` is longer than nominal. `now` never goes back.
    pub(super) fn factor(&mut self, now: Nanos) -> f64 {
        let v = &self.config;
        let mut factor = self.session * self.run / self.throughput;
        let seconds = seconds(now);
        if v.drift_per_hour > 0.0 {
            factor *= 1.0 + v.drift_per_hour * seconds / 3600.0;
        }
        if v.wave > 0.0 {
            let turn = seconds / v.wave_s + self.phase;
            factor *= 1.0 + v.wave * (std::f64::consts::TAU * turn).sin();
        }
        if self.bursts.active(now) {
            factor *= 1.0 + v.burst_slowdown;
        }
        factor
    }
}

/// A noisy neighbour: bursts begin at exponential distances and last an exponential time.
struct Bursts {
    random: Random,
    every: f64,
    length: f64,
    begin: Nanos,
    end: Nanos,
}

impl Bursts {
    fn new(v: &VariationConfig, seed: u64) -> Bursts {
        let mut bursts = Bursts {
            random: Random::keyed(seed, 3),
            every: v.burst_every_s,
            length: v.burst_s,
            begin: Nanos::MAX,
            end: 0,
        };
        if bursts.every > 0.0 {
            bursts.draw();
        }
        bursts
    }

    fn draw(&mut self) {
        let gap = self.random.exponential(self.every);
        let length = self.random.exponential(self.length);
        self.begin = self.end.saturating_add(nanos(gap * 1e9));
        // A burst of no length would be drawn for ever.
        self.end = self.begin.saturating_add(nanos(length * 1e9).max(1));
    }

    fn active(&mut self, now: Nanos) -> bool {
        if self.every == 0.0 {
            return false;
        }
        while self.end <= now {
            self.draw();
        }
        now >= self.begin
    }
}

/// To whole nanoseconds.
pub(super) fn nanos(value: f64) -> Nanos {
    // `as` saturates, and takes what is not a number for 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let whole = value.round() as Nanos;
    whole
}

pub(super) fn seconds(time: Nanos) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rounding of nanoseconds over weeks"
    )]
    let time = time as f64;
    time / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_is_the_stated_sum() {
        let cost = CostConfig {
            base_ms: 5.0,
            prefill_us: 20.0,
            sequence_us: 100.0,
            context_ns: 10.0,
        };
        let work = Work {
            prefill_tokens: 100,
            sequences: 8,
            context_tokens: 1000,
        };
        assert_eq!(nominal(&cost, work), 5e6 + 2e6 + 0.8e6 + 0.01e6);
    }

    #[test]
    fn bursts_take_their_share_of_time() {
        let mut config = SimConfig::preset("exact").unwrap();
        config.variation.burst_every_s = 9.0;
        config.variation.burst_s = 1.0;
        config.variation.burst_slowdown = 0.5;
        let mut speed = Speed::new(&config, 7);
        let slow = (0..1_000_000u64)
            .filter(|tick| speed.factor(tick * 100_000_000) > 1.4)
            .count();
        assert!(
            (90_000..110_000).contains(&slow),
            "{slow} of a million ticks"
        );
    }
}
