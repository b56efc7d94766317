//! The load that is looked for: the highest at which bounds hold, or the one past which throughput
//! stops growing.

use std::time::Duration;

use super::answer::{GROWTH, Tried, capacity, curve, rounded, saturation_of};
use super::case::PhasePlan;
use super::found::{Found, Held};
use super::procedure::{Evidence, Measure, Procedure, SoFar, Step};
use crate::result::MetricSummary;
use crate::stats::stopped_growing;
use crate::suite::{Axis, Goal, Search};

/// Most runs that a probe is lengthened to.
const MOST_RUNS: u32 = 4;

/// Raises the load in doubling steps until it is too high, then closes in from both sides.
///
/// A level is tried once: what lies below one that holds is taken to hold, and what lies above one that
/// does not is taken not to. A probe that the data cannot decide is measured on, at most four runs in
/// all; what is open then counts as what was observed.
#[derive(Clone, Debug)]
pub struct LoadSearch {
    /// What is looked for.
    pub search: Search,
    /// A probe, but for its load.
    pub phase: PhasePlan,
    /// One-sided, of the answer's bounds.
    pub confidence: f64,
    /// Fixes the resamples behind the answer's bounds.
    pub seed: u64,
    /// Every run is a session of its own, rather than all of one.
    pub session_each: bool,
    /// A probe ends as soon as its requests are seen to pile up without end, rather than with its window.
    pub stops_early: bool,
}

impl Procedure for LoadSearch {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        let tried = self.tried(so_far);
        let done = |note: Option<String>| self.done(so_far, &tried, note);
        if so_far.runs.last().is_some_and(|run| run.cut) {
            return done(Some("it was cut short".to_owned()));
        }
        if let Some(why) = tried.iter().find_map(|t| t.invalid.clone()) {
            return done(Some(why));
        }
        let level = match tried.last() {
            Some(last) if last.held.is_open() && last.runs.len() < MOST_RUNS as usize => last.level,
            _ => match self.next_level(&tried) {
                Some(level) => level,
                None => return done(None),
            },
        };
        if let Some(why) = self.used_up(so_far) {
            return done(Some(why));
        }
        let runs = tried.iter().find(|t| t.level == level);
        let run = runs.map_or(0, |t| t.runs.len());
        Step::Measure(Box::new(self.probe(level, run, so_far.runs.len())))
    }
}

impl LoadSearch {
    fn probe(&self, level: f64, run: usize, nth: usize) -> Measure {
        let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let axis = &self.search.axis;
        Measure {
            phase: PhasePlan {
                name: axis.phase(level),
                load: axis.load(level),
                labels: [("level".to_owned(), level.to_string())].into(),
                // Where throughput stops growing is seen past it, too.
                stops_early: self.stops_early
                    && matches!(self.search.goal, Goal::Capacity { .. })
                    && matches!(axis, Axis::Rate { .. }),
                ..self.phase.clone()
            },
            run: index(run),
            session: if self.session_each { index(nth) } else { 0 },
        }
    }

    /// The loads that were tried, in the order in which they were.
    fn tried(&self, so_far: &SoFar<'_>) -> Vec<Tried> {
        let mut tried: Vec<Tried> = Vec::new();
        for (i, run) in so_far.runs.iter().enumerate() {
            let phase = &run.measure.phase;
            match tried.iter_mut().find(|t| t.phase == phase.name) {
                Some(known) => known.runs.push(i),
                None => tried.push(Tried {
                    phase: phase.name.clone(),
                    level: level_of(phase),
                    runs: vec![i],
                    held: Held::Yes,
                    bounds: Vec::new(),
                    throughput: None,
                    invalid: None,
                    stopped: None,
                }),
            }
        }
        for probe in &mut tried {
            let of_runs = probe.runs.iter().filter_map(|&i| so_far.runs.get(i));
            probe.stopped = of_runs.clone().find_map(|run| run.stopped.clone());
            let values: Option<Vec<f64>> = of_runs
                .map(|run| match run.result.metrics.get("throughput") {
                    Some(MetricSummary::Value(v)) => Some(v.value),
                    _ => None,
                })
                .collect();
            probe.throughput = values.map(|v| v.iter().sum::<f64>() / v.len().max(1) as f64);
            if matches!(self.search.goal, Goal::Saturation) {
                continue;
            }
            let looks = u32::try_from(probe.runs.len()).unwrap_or(u32::MAX);
            let evidence = Evidence::of(so_far.runs, |i, _| probe.runs.contains(&i));
            let look = (so_far.look)(&evidence.at_look(looks.saturating_sub(1), MOST_RUNS));
            probe.held = look
                .bounds
                .iter()
                .map(|b| b.held)
                .reduce(weaker)
                .unwrap_or(Held::RatherNot);
            probe.bounds = look.bounds;
            probe.invalid = look.invalid;
        }
        tried
    }

    /// The load to try next; `None` where the answer is known as exactly as asked for.
    fn next_level(&self, tried: &[Tried]) -> Option<f64> {
        let (from, to) = (self.search.from, self.search.to);
        let level = match self.search.goal {
            Goal::Capacity { .. } => {
                let held = tried.iter().filter(|t| t.held.counts()).map(|t| t.level);
                let broken = tried.iter().filter(|t| !t.held.counts()).map(|t| t.level);
                match (held.reduce(f64::max), broken.reduce(f64::min)) {
                    (None, None) => from,
                    (None, Some(_)) => return None,
                    (Some(low), None) if low >= to => return None,
                    (Some(low), None) => (2.0 * low).min(to),
                    (Some(low), Some(high)) => self.between(low, high)?,
                }
            }
            Goal::Saturation => {
                let curve = curve(tried);
                match curve.last() {
                    None => from,
                    Some(&(top, _)) if top < to && !stopped_growing(&curve, GROWTH) => {
                        (2.0 * top).min(to)
                    }
                    // The plateau is seen; where it begins lies between two levels that are too far apart.
                    Some(_) => {
                        let knee = saturation_of(tried, self.search.precision)?.level;
                        let below = curve.iter().map(|p| p.0).filter(|&l| l < knee);
                        let above = curve.iter().map(|p| p.0).filter(|&l| l >= knee);
                        self.between(below.reduce(f64::max)?, above.reduce(f64::min)?)?
                    }
                }
            }
        };
        let fresh = !tried.iter().any(|t| t.level == level);
        fresh.then_some(level)
    }

    /// A level between two, where they are further apart than the answer has to be exact.
    fn between(&self, low: f64, high: f64) -> Option<f64> {
        if high <= low * (1.0 + self.search.precision) {
            return None;
        }
        let middle = (low * high).sqrt();
        let level = match self.search.axis {
            Axis::Concurrency => middle.round(),
            Axis::Rate { .. } => rounded(middle),
        };
        // In whole numbers, or in few digits, there may be nothing between.
        (level > low && level < high).then_some(level)
    }

    /// Why nothing more may be measured.
    fn used_up(&self, so_far: &SoFar<'_>) -> Option<String> {
        let budget = &self.search.budget;
        let took = so_far.runs.iter().map(|run| run.took).max();
        let next = took.unwrap_or(Duration::ZERO);
        if so_far.left.is_some_and(|left| left < next) {
            return Some("the time that is left does not suffice for another probe".to_owned());
        }
        let over = |what: &str| Some(format!("the budget of {what} is used up"));
        if budget.time.is_some_and(|time| so_far.elapsed + next > time) {
            return over("time");
        }
        let (mut requests, mut tokens) = (0.0, Some(0.0));
        for run in so_far.runs {
            let one = requests_of(run);
            requests += one;
            tokens = tokens
                .zip(tokens_of(run))
                .map(|(all, each)| all + one * each);
        }
        if budget.requests.is_some_and(|most| requests >= most as f64) {
            return over("requests");
        }
        match (budget.tokens, tokens) {
            (Some(_), None) => {
                Some("the budget of tokens cannot be held: nobody counts them".to_owned())
            }
            (Some(most), Some(tokens)) if tokens >= most as f64 => over("tokens"),
            _ => None,
        }
    }

    fn done(&self, so_far: &SoFar<'_>, tried: &[Tried], note: Option<String>) -> Step {
        let mut found = match self.search.goal {
            Goal::Capacity { .. } => capacity(&self.search, tried, self.confidence, self.seed),
            Goal::Saturation => super::answer::saturation(&self.search, tried),
        };
        found.path = tried.iter().map(Tried::probe).collect();
        found.invalid = tried.iter().find_map(|t| t.invalid.clone());
        found.notes.extend(note);
        let mut evidence = Evidence::everything(so_far.runs);
        evidence
            .phases
            .sort_by(|a, b| level_named(&a.name, tried).total_cmp(&level_named(&b.name, tried)));
        evidence.found = Some(found);
        Step::Done(evidence)
    }
}

fn level_named(phase: &str, tried: &[Tried]) -> f64 {
    let probe = tried.iter().find(|t| t.phase == phase);
    probe.map_or(f64::INFINITY, |t| t.level)
}

/// All hold where each does; one that clearly does not outweighs all.
fn weaker(a: Held, b: Held) -> Held {
    let rank = |h| match h {
        Held::Yes => 0,
        Held::Rather => 1,
        Held::RatherNot => 2,
        Held::No => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// The level that a probe's phase was made for.
fn level_of(phase: &PhasePlan) -> f64 {
    let level = phase.labels.get("level");
    level.and_then(|l| l.parse().ok()).unwrap_or(f64::NAN)
}

/// Requests of a run, its warm-up included as far as the window tells.
fn requests_of(run: &super::procedure::MeasuredRun) -> f64 {
    let window = run.result.window_s;
    let share = if window > 0.0 {
        run.took.as_secs_f64().max(window) / window
    } else {
        1.0
    };
    run.result.requests.sent as f64 * share
}

/// Tokens of a request of a run, of its prompt and of its answer.
fn tokens_of(run: &super::procedure::MeasuredRun) -> Option<f64> {
    let mean = |name: &str| match run.result.metrics.get(name) {
        Some(MetricSummary::Distribution(d)) => d.mean,
        _ => None,
    };
    Some(mean("input_tokens")? + mean("output_tokens")?)
}

impl Found {
    /// Nothing was found.
    pub(super) fn nothing(note: &str) -> Found {
        Found {
            notes: vec![note.to_owned()],
            ..Found::default()
        }
    }
}
