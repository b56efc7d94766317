//! How long before their time those are woken who must not be late.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Nanos;

/// Bounds of the lead. The way from the clock's interrupt to a task takes some ten µs on a core that
/// is busy, fifty on one that has gone to sleep, and hundreds now and then where it is a virtual one.
const LEAST: Nanos = 20_000;
const MOST: Nanos = 1_000_000;
/// The lead at first.
const FIRST: Nanos = 300_000;
/// However close the times lie, the lead may be as long as this.
const ALWAYS: Nanos = 50_000;
/// Which part of the time between two of them may be spent waiting awake.
const PART: Nanos = 2;
/// A wake-up that came too late lengthens the lead by this part of it, one in time shortens it by that:
/// it settles where 199 of 200 are in time.
const UP: Nanos = 8;
const DOWN: Nanos = 8 * 199;

/// The lead, learnt from how late wake-ups have come.
#[derive(Debug)]
pub(super) struct Lead {
    needed: AtomicU64,
    /// The mean time between those who asked lately, and when the last of them is due.
    gap: AtomicU64,
    last: AtomicU64,
}

impl Default for Lead {
    fn default() -> Self {
        Lead {
            needed: AtomicU64::new(FIRST),
            gap: AtomicU64::new(MOST * PART),
            last: AtomicU64::new(0),
        }
    }
}

// One thread uses it; the atomics only allow the driver to be shared.
impl Lead {
    /// How long before `t` to wake someone who is due then.
    pub(super) fn before(&self, t: Nanos) -> Nanos {
        let gap = t.abs_diff(self.last.swap(t, Ordering::Relaxed));
        let mut mean = self.gap.load(Ordering::Relaxed);
        // Whoever asks a second time for the same is the same.
        if gap > 0 {
            mean = mean - mean / 16 + gap.min(MOST * PART) / 16;
            self.gap.store(mean, Ordering::Relaxed);
        }
        let needed = self.needed.load(Ordering::Relaxed);
        needed.min((mean / PART).clamp(ALWAYS, MOST))
    }

    /// Learns from a wake-up that came `late`, or in time.
    pub(super) fn woke(&self, late: bool) {
        let lead = self.needed.load(Ordering::Relaxed);
        let next = match late {
            true => lead + lead / UP,
            false => lead - lead / DOWN,
        };
        self.needed
            .store(next.clamp(LEAST, MOST), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_settles_where_hardly_anyone_is_late() {
        let lead = Lead::default();
        // Every hundredth wake-up takes 400 µs, the others 60.
        let mut late = 0;
        for i in 1..=20_000_u64 {
            let before = lead.before(i * 5_000_000);
            let is_late = before < if i % 100 == 0 { 400_000 } else { 60_000 };
            late += u64::from(is_late);
            lead.woke(is_late);
        }
        assert!((50..150).contains(&late), "{late}");
    }

    #[test]
    fn at_most_half_of_the_time_is_spent_waiting_awake() {
        let lead = Lead::default();
        (0..100).for_each(|_| lead.woke(true));
        let mut before = 0;
        (1..1_000).for_each(|i| before = lead.before(i * 200_000));
        assert!((90_000..=101_000).contains(&before), "{before}");
        (1_000..2_000).for_each(|i| before = lead.before(i * 10_000));
        assert_eq!(before, ALWAYS);
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let lead = Lead::default();
        (0..100).for_each(|_| lead.woke(true));
        assert_eq!(lead.before(u64::MAX), MOST);
        (0..100_000).for_each(|_| lead.woke(false));
        assert!(lead.needed.load(Ordering::Relaxed) >= LEAST);
    }
}
