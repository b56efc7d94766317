//! Records as they would be had the client seen everything in time.

use crate::record::{Chunk, Part, RequestRecord, RunRecords};
use crate::result::Spread;

/// How late stamps may be: by share of the stamps, in µs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lateness(pub Spread);

impl Lateness {
    /// The lateness that a share `q` of the stamps does not exceed: linear between what is known, and
    /// no less than the median for the lower half.
    fn at(self, q: f64) -> u64 {
        let Spread { p50, p99, max } = self.0;
        let ms = if q <= 0.5 {
            p50
        } else if q <= 0.99 {
            p50 + (p99 - p50) * (q - 0.5) / 0.49
        } else {
            p99 + (max - p99) * (q - 0.99) / 0.01
        };
        (ms * 1e3).max(0.0) as u64
    }

    /// The same for the value at `rank` of `n` ascending ones.
    fn of_rank(self, rank: usize, n: usize) -> u64 {
        self.at((rank as f64 + 0.5) / n.max(1) as f64)
    }
}

/// The runs as they may have been, in the ways that change verdicts most: the greatest lateness is taken
/// off the greatest values.
///
/// In the first, answers came earlier as a whole, and what reached the client in one go was spread
/// evenly: the times to first and last token and the gaps are the shortest that the stamps allow. In the
/// second, the first token was seen in time and the last one late: the times per token are the
/// shortest.
pub(super) fn seen_in_time(runs: &[RunRecords], late: Lateness) -> [Vec<RunRecords>; 2] {
    [earlier(runs, late), faster(runs, late)]
}

fn earlier(runs: &[RunRecords], late: Lateness) -> Vec<RunRecords> {
    let mut runs = runs.to_vec();
    let first = ascending(&runs, |r| r.first_us?.checked_sub(r.sent_us?));
    let ends = ascending(&runs, |r| r.end_us?.checked_sub(r.sent_us?));
    let mut gaps: Vec<u64> = measured(&runs)
        .flat_map(|r| r.chunks.iter().skip(1).map(|c| c.gap_us))
        .collect();
    gaps.sort_unstable();
    let off = |sorted: &[u64], value: u64| {
        let rank = sorted.partition_point(|v| *v < value);
        late.of_rank(rank, sorted.len()).min(value)
    };
    for record in measured_mut(&mut runs) {
        let Some(sent) = record.sent_us else {
            continue;
        };
        if let Some(ttft) = record.first_us.and_then(|t| t.checked_sub(sent)) {
            record.first_us = Some(sent + ttft - off(&first, ttft));
        }
        if let Some(took) = record.end_us.and_then(|t| t.checked_sub(sent)) {
            record.end_us = Some(sent + took - off(&ends, took));
        }
        let mut chunks: Vec<Chunk> = record.chunks.iter().collect();
        for i in 1..chunks.len() {
            let gap = chunks[i].gap_us;
            let next = chunks.get(i + 1).map_or(0, |c| c.gap_us);
            // The chunk between the two gaps came earlier: one shrinks by what the other grows.
            let moved = off(&gaps, gap).min(gap.saturating_sub(next) / 2);
            chunks[i].gap_us -= moved;
            if let Some(next) = chunks.get_mut(i + 1) {
                next.gap_us += moved;
            }
        }
        record.chunks = chunks.into();
    }
    runs
}

fn faster(runs: &[RunRecords], late: Lateness) -> Vec<RunRecords> {
    let mut runs = runs.to_vec();
    let lasted = |r: &RequestRecord| {
        Some(r.chunks.iter().skip(1).map(|c| c.gap_us).sum::<u64>()).filter(|l| *l > 0)
    };
    let all = ascending(&runs, lasted);
    for record in measured_mut(&mut runs) {
        let Some(long) = lasted(record) else {
            continue;
        };
        let rank = all.partition_point(|v| *v < long);
        let off = late.of_rank(rank, all.len()).min(long);
        let mut chunks: Vec<Chunk> = record.chunks.iter().collect();
        for chunk in chunks.iter_mut().skip(1) {
            let kept = u128::from(chunk.gap_us) * u128::from(long - off) / u128::from(long);
            chunk.gap_us = u64::try_from(kept).unwrap_or(chunk.gap_us);
        }
        record.chunks = chunks.into();
        record.end_us = record.end_us.map(|t| t.saturating_sub(off));
    }
    runs
}

fn measured(runs: &[RunRecords]) -> impl Iterator<Item = &RequestRecord> {
    let all = runs.iter().flat_map(|r| &r.records);
    all.filter(|r| r.part == Part::Window)
}

fn measured_mut(runs: &mut [RunRecords]) -> impl Iterator<Item = &mut RequestRecord> {
    let all = runs.iter_mut().flat_map(|r| &mut r.records);
    all.filter(|r| r.part == Part::Window)
}

fn ascending(runs: &[RunRecords], of: impl Fn(&RequestRecord) -> Option<u64>) -> Vec<u64> {
    let mut values: Vec<u64> = measured(runs).filter_map(of).collect();
    values.sort_unstable();
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::*;

    const LATE: Lateness = Lateness(Spread {
        p50: 1.0,
        p99: 50.0,
        max: 60.0,
    });

    #[test]
    fn the_slowest_were_seen_latest() {
        let runs = [steady(1000, 10 * MS, |i| 100 * MS + i * 100)];
        let [earlier, _] = seen_in_time(&runs, LATE);
        let ttft = |r: &RunRecords, i: usize| {
            r.records[i].first_us.unwrap() - r.records[i].sent_us.unwrap()
        };
        assert_eq!(ttft(&earlier[0], 0), 99 * MS);
        assert_eq!(ttft(&earlier[0], 400), 139 * MS);
        let slow = ttft(&runs[0], 990) - ttft(&earlier[0], 990);
        assert!((49 * MS..=52 * MS).contains(&slow), "{slow}");
    }

    #[test]
    fn gaps_that_came_together_are_spread_and_keep_their_sum() {
        // Ten tokens 10 ms apart, five of which a pause of 50 ms let arrive in one go.
        let mut record = request(0, 0, 100 * MS, 9, 10 * MS);
        let mut chunks: Vec<Chunk> = record.chunks.iter().collect();
        for (i, gap) in [(1, 50), (2, 0), (3, 0), (4, 0), (5, 0)] {
            chunks[i].gap_us = gap * MS;
        }
        record.chunks = chunks.into();
        let before: u64 = record.chunks.iter().map(|c| c.gap_us).sum();
        let runs = [run(0, S, vec![record])];
        let late = Lateness(Spread {
            p50: 40.0,
            p99: 50.0,
            max: 50.0,
        });
        let [earlier, faster] = seen_in_time(&runs, late);
        let gaps: Vec<u64> = earlier[0].records[0]
            .chunks
            .iter()
            .map(|c| c.gap_us)
            .collect();
        assert!(*gaps.iter().max().unwrap() <= 25 * MS, "{gaps:?}");
        assert!(gaps.iter().sum::<u64>() <= before);
        let after: u64 = faster[0].records[0].chunks.iter().map(|c| c.gap_us).sum();
        assert!(after < before && after >= before - 51 * MS, "{after}");
    }

    #[test]
    fn what_is_not_measured_stays() {
        let warm = in_part(request(0, 0, 100 * MS, 3, MS), crate::record::Part::Warmup);
        let runs = [run(0, S, vec![warm])];
        for changed in seen_in_time(&runs, LATE) {
            assert_eq!(changed, runs);
        }
    }
}
