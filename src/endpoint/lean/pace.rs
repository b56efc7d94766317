use std::cell::Cell;

use crate::driver::{Driver, Nanos};

/// Decides how long arrivals may lie in the kernel, which has stamped them, before they are read.
///
/// A read that finds two tokens of one stream gives both the later one's stamp, so a token may lie for
/// a small part of the time between two of its stream. And only many streams gain by it: for a few, the
/// next request of a closed loop would only leave later.
#[derive(Debug)]
pub(super) struct Pace {
    /// A low quantile of the time between two reads of one stream, as far as it is known.
    gap: Cell<Nanos>,
    /// Pieces of bodies since `since`.
    pieces: Cell<u32>,
    since: Cell<Nanos>,
}

/// The longest that anything may lie.
const LONGEST: Nanos = 1_000_000;
/// The longest that anything may lie however short the gaps are: tokens closer than this came together.
const ALWAYS: Nanos = 50_000;
/// Which part of a gap.
const PART: Nanos = 8;
/// Pieces after which the decision is made anew.
const ROUND: u32 = 128;
/// How many pieces a rest must gather to be worth it.
const WORTH: u64 = 8;
/// For how long a decision stands where no other follows.
const STANDS: Nanos = 50_000_000;

impl Default for Pace {
    fn default() -> Self {
        Pace {
            gap: Cell::new(LONGEST),
            pieces: Cell::new(0),
            since: Cell::new(0),
        }
    }
}

impl Pace {
    /// Notes a piece of a body. What is counted is what came and not the reads: those grow fewer with
    /// each rest.
    pub(super) fn piece(&self) {
        self.pieces.set(self.pieces.get() + 1);
    }

    /// Notes a read at `at` that the kernel has stamped, `gap` after the one before of the same stream.
    pub(super) fn read<D: Driver>(&self, gap: Nanos, at: Nanos, driver: &D) {
        // Settles where one gap in five is shorter: a step down undoes four up.
        let low = self.gap.get();
        self.gap.set(if gap < low {
            low - low / 16
        } else {
            low + low / 64 + 1
        });
        if self.pieces.get() >= ROUND {
            let pieces = self.pieces.replace(0);
            let took = at.saturating_sub(self.since.replace(at)).max(1);
            driver.may_lie(self.rest(pieces, took), at.saturating_add(STANDS));
        }
    }

    /// How long arrivals may lie when `pieces` came in `took`.
    fn rest(&self, pieces: u32, took: Nanos) -> Nanos {
        let rest = (self.gap.get() / PART).clamp(ALWAYS, LONGEST);
        if rest.saturating_mul(u64::from(pieces)) / took >= WORTH {
            rest
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::VirtualDriver;

    /// The rest decided on for `streams` with a token every `gap`.
    fn settled(streams: u64, gap: Nanos) -> Nanos {
        let (pace, driver) = (Pace::default(), VirtualDriver::new());
        let apart = gap / streams;
        let mut at = 0;
        for _ in 0..10_000 {
            at += apart;
            pace.piece();
            pace.read(gap, at, &driver);
        }
        pace.rest(ROUND, u64::from(ROUND) * apart)
    }

    #[test]
    fn many_streams_may_rest_for_a_part_of_their_gap() {
        assert_eq!(settled(2_000, 20_000_000), LONGEST);
        let of_fast = settled(500, 2_000_000);
        assert!((220_000..280_000).contains(&of_fast), "{of_fast}");
    }

    #[test]
    fn few_streams_never_rest() {
        assert_eq!(settled(1, 20_000_000), 0);
        assert_eq!(settled(50, 20_000_000), 0);
        assert_eq!(settled(20, 500_000), 0);
    }

    #[test]
    fn tokens_that_come_together_may_rest_a_little() {
        assert_eq!(settled(64, 160_000), ALWAYS);
    }

    #[test]
    fn a_few_long_gaps_change_nothing() {
        let (pace, driver) = (Pace::default(), VirtualDriver::new());
        for i in 0..10_000_u64 {
            let gap = if i % 3 == 0 { 400_000_000 } else { 1_000_000 };
            pace.piece();
            pace.read(gap, i * 1_000, &driver);
        }
        assert!(pace.rest(ROUND, u64::from(ROUND) * 1_000) <= 150_000);
    }
}
