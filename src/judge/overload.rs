use crate::record::{RunRecords, Window};
use crate::stats::quantile;

use super::words::number;

/// Stretches of the window that are compared.
const SLICES: usize = 10;
/// Fewest requests from which a growing queue is told.
const FEWEST: usize = 30;
/// From here on a stay has not ended, in µs.
const NEVER: f64 = 1e18;
/// Growth that is no chance, in spreads of a random walk.
const WALK: f64 = 2.5;
/// The same where it is looked for many times over.
const WALK_SO_FAR: f64 = 4.0;

/// Whether requests piled up through the window of an open-loop run of constant rate, and if so a
/// sentence about it.
///
/// All of these must hold, so that neither chance, nor a start without warm-up, nor a burst that was
/// worked off is taken for overload:
/// - requests in the system (due, not ended; averaged over tenths of the window) grew from the first
///   three tenths to the last three by more than 2.5 times `√(arrivals + completions)`, the spread of
///   a random walk, and at least doubled;
/// - they still grew in the second half, at 40 % or more of the rate of the first;
/// - completions fell short of arrivals by 5 % or more;
/// - requests due in the last third took, from when they were due, half as long again or more (median)
///   as those of the first, or not even half of the first have ended;
/// - the window is at least twice as long as an undisturbed request (the fastest twentieth, warm-up included).
pub(super) fn overloaded(run: &RunRecords) -> Option<String> {
    if !run.open_loop {
        return None;
    }
    // In the system from due to end, whatever became of it.
    let stays = run.records.iter();
    let stays = stays.filter_map(|r| Some((r.due_us?, r.end_us.unwrap_or(u64::MAX))));
    grown(stays.collect(), run.window, WALK)
}

/// The same of a run that is still going on, from what is known up to the end of `so_far`: `stays` has
/// when requests were due and when they ended, `u64::MAX` for those that have not. It is asked again and
/// again while the run lasts, so it takes a growth of 4 times the spread of a random walk.
pub fn piles_up(stays: Vec<(u64, u64)>, so_far: Window) -> Option<String> {
    grown(stays, so_far, WALK_SO_FAR)
}

fn grown(mut stays: Vec<(u64, u64)>, window: Window, walks: f64) -> Option<String> {
    let length = window.end_us.saturating_sub(window.start_us);
    if length == 0 {
        return None;
    }
    stays.sort_unstable();
    let due: Vec<(u64, u64)> = stays
        .iter()
        .copied()
        .filter(|s| window.contains(s.0))
        .collect();
    let arrivals = due.len();
    if arrivals < FEWEST {
        return None;
    }
    let completions = stays.iter().filter(|s| window.contains(s.1)).count();

    let mut level = [0.0; SLICES];
    let width = length as f64 / SLICES as f64;
    for &(from, until) in &stays {
        for (i, slice) in level.iter_mut().enumerate() {
            let start = window.start_us as f64 + i as f64 * width;
            let overlap = (until as f64).min(start + width) - (from as f64).max(start);
            *slice += overlap.max(0.0) / width;
        }
    }
    let mean = |slices: &[f64]| slices.iter().sum::<f64>() / slices.len() as f64;
    let (first, middle, last) = (mean(&level[..3]), mean(&level[4..7]), mean(&level[7..]));

    let walk = ((arrivals + completions) as f64).sqrt();
    let grew = last - first > walks * walk && last >= 2.0 * first;
    let still_growing = last - middle >= 0.4 * (middle - first);
    let short = completions as f64 <= 0.95 * arrivals as f64;
    let took = |part: &[(u64, u64)], q: f64| {
        let mut times: Vec<f64> = part
            .iter()
            .map(|s| s.1.saturating_sub(s.0) as f64)
            .collect();
        times.sort_by(f64::total_cmp);
        quantile(&times, q).unwrap_or(0.0)
    };
    let third = arrivals / 3;
    let early = took(&due[..third], 0.5);
    // Where not even half of the first ones have ended, all are slow already.
    let slower = early >= NEVER || took(&due[arrivals - third..], 0.5) >= 1.5 * early;
    let long_enough = length as f64 >= 2.0 * took(&stays, 0.05);
    (grew && still_growing && short && slower && long_enough).then(|| {
        format!(
            "requests under way grew from {} to {} through the window, and {} of {arrivals} arrivals were completed in it",
            number(first.round()),
            number(last.round()),
            completions
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// `n` Poisson arrivals at `load` of what `servers` servers with exponential service times of mean
    /// 100 ms can do; the first tenth is warm-up.
    fn queue(seed: u64, n: u64, load: f64, servers: usize) -> RunRecords {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut exponential = |mean: f64| -mean * (1.0 - rng.random::<f64>()).ln();
        let service = 100_000.0;
        let mut free = vec![0.0; servers];
        let mut now = 0.0;
        let records: Vec<_> = (0..n)
            .map(|i| {
                now += exponential(service / servers as f64 / load);
                let (next, _) = free
                    .iter()
                    .enumerate()
                    .min_by(|a, b| f64::total_cmp(a.1, b.1))
                    .unwrap();
                let end = now.max(free[next]) + exponential(service);
                free[next] = end;
                request(i, now as u64, (end - now) as u64, 0, 0)
            })
            .collect();
        run((now * 0.1) as u64, now as u64, records)
    }

    fn share(load: f64, n: u64, servers: usize) -> f64 {
        let hits = (0..100)
            .filter(|&seed| overloaded(&queue(seed, n, load, servers)).is_some())
            .count();
        hits as f64 / 100.0
    }

    #[test]
    fn a_busy_queue_that_keeps_up_is_no_overload() {
        for (load, n, servers) in [
            (0.5, 200, 1),
            (0.9, 200, 1),
            (0.9, 1000, 8),
            (0.97, 1000, 1),
            (0.97, 200, 4),
            (1.0, 1000, 4),
        ] {
            assert!(share(load, n, servers) <= 0.005, "{load} {n} {servers}");
        }
    }

    #[test]
    fn a_queue_that_grows_is_overload() {
        for (load, n, servers, found) in [
            (2.0, 200, 1, 0.85),
            (2.0, 300, 8, 0.95),
            (1.4, 1000, 4, 0.95),
            (3.0, 200, 4, 0.95),
        ] {
            assert!(share(load, n, servers) >= found, "{load} {n} {servers}");
        }
    }

    /// What a look at `now` knows of `run`.
    fn known_at(run: &RunRecords, now: u64) -> Option<String> {
        let stays = run.records.iter().filter_map(|r| {
            let end = r.end_us.filter(|end| *end <= now).unwrap_or(u64::MAX);
            Some((r.due_us.filter(|due| *due <= now)?, end))
        });
        let so_far = Window {
            start_us: run.window.start_us,
            end_us: now,
        };
        piles_up(stays.collect(), so_far)
    }

    /// At which of twenty looks through the window of `run` it is seen to pile up.
    fn first_seen(run: &RunRecords) -> Option<u64> {
        let Window { start_us, end_us } = run.window;
        (1..20).find(|i| known_at(run, start_us + (end_us - start_us) * i / 20).is_some())
    }

    #[test]
    fn a_queue_that_grows_fast_is_seen_early_and_is_overload_at_the_end_too() {
        for (load, n, servers) in [(3.0, 1200, 1), (2.0, 2000, 4), (4.0, 1000, 8)] {
            for seed in 0..50 {
                let run = queue(seed, n, load, servers);
                let seen = first_seen(&run);
                assert!(seen.is_some_and(|i| i <= 10), "{load} {n} {seed}: {seen:?}");
                assert!(overloaded(&run).is_some(), "{load} {n} {seed}");
            }
        }
    }

    #[test]
    fn a_queue_that_keeps_up_is_not_seen_to_pile_up_at_any_look() {
        for (load, n, servers) in [(0.9, 1000, 8), (0.97, 1000, 1), (1.0, 1000, 4)] {
            let runs = (0..200).map(|seed| queue(seed, n, load, servers));
            let seen = runs.filter(|run| first_seen(run).is_some()).count();
            assert!(seen <= 1, "{load} {n} {servers}: {seen} of 200");
        }
    }

    #[test]
    fn filling_up_without_warm_up_is_no_overload() {
        // 100 requests a second that take 2 s each: 200 in flight, reached after 2 s of 6.
        let records = (0..600)
            .map(|i| request(i, i * 10 * MS, 2 * S, 0, 0))
            .collect();
        assert_eq!(overloaded(&run(0, 6 * S, records)), None);
        // The window ends before the first answer.
        let records = (0..300)
            .map(|i| request(i, i * 10 * MS, 4 * S, 0, 0))
            .collect();
        assert_eq!(overloaded(&run(0, 3 * S, records)), None);
    }

    #[test]
    fn a_burst_that_is_worked_off_is_no_overload() {
        // A stall of 2 s in the middle: everything due meanwhile ends when it is over.
        let records = (0..1000)
            .map(|i| {
                let due = i * 10 * MS;
                let end = if (4 * S..6 * S).contains(&due) {
                    6 * S
                } else {
                    due
                };
                request(i, due, end - due + 50 * MS, 0, 0)
            })
            .collect();
        assert_eq!(overloaded(&run(0, 10 * S, records)), None);
    }

    #[test]
    fn a_server_that_refuses_does_not_pile_up() {
        let records = (0..500)
            .map(|i| {
                failed(
                    request(i, i * 10 * MS, MS, 0, 0),
                    crate::record::ErrorKind::Http,
                    i * 10 * MS + MS,
                )
            })
            .collect();
        assert_eq!(overloaded(&run(0, 5 * S, records)), None);
    }
}
