use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::crew::Sink;
use crate::driver::{Driver, Nanos};
use crate::judge::piles_up;
use crate::load::RunPlan;
use crate::record::Window;
use crate::suite::LoadShape;

/// Looks through a planned window.
const LOOKS: f64 = 20.0;

/// A run of an open loop that is ended as soon as its requests are seen to pile up without end: more of
/// it would tell nothing new, and take ever longer.
pub(super) struct EarlyEnd {
    plan: RunPlan,
    /// How long the window is to be, in seconds.
    length_s: f64,
    /// When requests ended, in µs since the run's start, by their numbers.
    ended: Arc<Mutex<HashMap<u64, u64>>>,
}

impl EarlyEnd {
    /// Of a run that `plan` describes; `None` where nothing can pile up: in a closed loop.
    pub fn of(plan: &RunPlan) -> Option<Self> {
        let LoadShape::Rate { per_second, .. } = plan.load.shape else {
            return None;
        };
        let by_count = plan.requests.map(|n| n as f64 / per_second);
        let by_time = plan.duration.map(|d| d.as_secs_f64());
        let lengths = by_count.into_iter().chain(by_time);
        Some(EarlyEnd {
            length_s: lengths.reduce(f64::min)?,
            plan: plan.clone(),
            ended: Arc::default(),
        })
    }

    /// `sink`, noting when requests end.
    pub fn noting(&self, mut sink: Sink) -> Sink {
        let ended = self.ended.clone();
        Box::new(move |record| {
            if let Some(end_us) = record.end_us {
                let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                ended.insert(record.id, end_us);
            }
            sink(record);
        })
    }

    /// Completes with the reason when requests are seen to pile up.
    pub async fn seen<D: Driver>(&self, driver: &D) -> String {
        let every = Duration::from_secs_f64(self.length_s / LOOKS);
        loop {
            driver.after(every).await;
            if let Some(why) = self.look() {
                return why;
            }
        }
    }

    /// What is known up to the last request that has ended; those that were due and have not are there.
    fn look(&self) -> Option<String> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = ended.values().copied().max()?;
        let due = (0..).zip(self.plan.steady_schedule()?);
        let stays = due
            .map(|(id, due): (u64, Nanos)| (id, due / 1000))
            .take_while(|(_, due_us)| *due_us <= now_us)
            .map(|(id, due_us)| (due_us, ended.get(&id).copied().unwrap_or(u64::MAX)));
        let start_us = u64::try_from(self.plan.warmup.as_micros()).unwrap_or(u64::MAX);
        let so_far = Window {
            start_us,
            end_us: now_us,
        };
        let why = piles_up(stays.collect(), so_far)?;
        let after = now_us.saturating_sub(start_us) as f64 / 1e6;
        Some(format!(
            "ended {after:.1} s into its window of {:.1} s: {why}",
            self.length_s
        ))
    }
}
