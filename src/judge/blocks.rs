use crate::metrics::PhaseSamples;

/// Fewest blocks; also what an interval needs at least.
const FEWEST: usize = 20;
/// Most blocks: more would gain little.
const MOST: usize = 40;
/// How many service times a block lasts, where the window is long enough.
const SERVICE_TIMES: f64 = 3.0;

/// The windows of a phase cut into stretches of wall time of about equal length.
///
/// What happens within a few service times hangs together; what lies several apart hardly does. So
/// blocks, not requests, are what intervals are made from. They last three mean service times where
/// that gives 20 to 40 of them.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// Number of the run's first block, and how many it has, and its window.
    runs: Vec<RunBlocks>,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct RunBlocks {
    first: usize,
    count: usize,
    start_us: u64,
    end_us: u64,
}

impl Blocks {
    pub(super) fn new(samples: &PhaseSamples<'_>) -> Self {
        let total = samples.window_s();
        let wanted = match samples.service_s() {
            Some(service) if service > 0.0 => (total / (SERVICE_TIMES * service)) as usize,
            _ => MOST,
        }
        .clamp(FEWEST, MOST);
        let mut first = 0;
        let runs = samples
            .runs
            .iter()
            .map(|r| {
                let window = r.run.window;
                let share = if total > 0.0 {
                    window.seconds() / total
                } else {
                    0.0
                };
                let count = (share * wanted as f64 - 1e-9).ceil().max(1.0) as usize;
                let blocks = RunBlocks {
                    first,
                    count,
                    start_us: window.start_us,
                    end_us: window.end_us.max(window.start_us + 1),
                };
                first += count;
                blocks
            })
            .collect();
        Blocks { runs, count: first }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The block of what happened at `at_us` in run `run`; what lies outside the window (a request due
    /// at its very edge) belongs to the nearest block.
    pub(super) fn of(&self, run: usize, at_us: u64) -> usize {
        let r = &self.runs[run];
        let width = r.end_us - r.start_us;
        let into = at_us.clamp(r.start_us, r.end_us - 1) - r.start_us;
        let index = u128::from(into) * r.count as u128 / u128::from(width);
        r.first + index as usize
    }

    /// Length of every block in seconds.
    pub(super) fn seconds(&self) -> Vec<f64> {
        self.runs
            .iter()
            .flat_map(|r| {
                let width = (r.end_us - r.start_us) as f64 / 1e6 / r.count as f64;
                std::iter::repeat_n(width, r.count)
            })
            .collect()
    }

    /// Spreads the time from `from_us` to `until_us` of run `run` over the blocks it covers, in seconds.
    pub(super) fn spread(&self, run: usize, from_us: u64, until_us: u64, into: &mut [f64]) {
        let r = &self.runs[run];
        let width = (r.end_us - r.start_us) as f64 / r.count as f64;
        for (i, block) in into[r.first..r.first + r.count].iter_mut().enumerate() {
            let start = r.start_us as f64 + i as f64 * width;
            let overlap = (until_us as f64).min(start + width) - (from_us as f64).max(start);
            *block += overlap.max(0.0) / 1e6;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::*;

    #[test]
    fn a_block_lasts_several_service_times() {
        // 100 requests of 300 ms over 100 s: blocks of a second would do, 40 is the most.
        let records = (0..100)
            .map(|i| request(i, i * S, 300 * MS, 0, 0))
            .collect();
        let long = [run(0, 100 * S, records)];
        assert_eq!(Blocks::new(&PhaseSamples::new(&long, false)).len(), 40);
        // The same of 1.2 s each: 100 s / 3.6 s.
        let records = (0..100)
            .map(|i| request(i, i * S, 1_200 * MS, 0, 0))
            .collect();
        let slow = [run(0, 100 * S, records)];
        assert_eq!(Blocks::new(&PhaseSamples::new(&slow, false)).len(), 27);
    }

    #[test]
    fn every_moment_of_a_window_is_in_one_block() {
        let runs = [
            steady(100, 10 * MS, |_| MS),
            run(5 * S, 8 * S, vec![request(0, 5 * S, MS, 0, 0)]),
        ];
        let samples = PhaseSamples::new(&runs, false);
        let blocks = Blocks::new(&samples);
        let seconds = blocks.seconds();
        assert_eq!(seconds.len(), blocks.len());
        assert!((seconds.iter().sum::<f64>() - 4.0).abs() < 1e-9);
        assert_eq!(blocks.of(0, 0), 0);
        assert_eq!(blocks.of(1, 8 * S - 1), blocks.len() - 1);
        assert_eq!(blocks.of(1, 9 * S), blocks.len() - 1);
        assert_eq!(blocks.of(1, 0), blocks.of(0, S - 1) + 1);
        let mut covered = vec![0.0; blocks.len()];
        blocks.spread(1, 6 * S, 7 * S, &mut covered);
        assert!((covered.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
