//! Slots of a closed loop that stood idle between two requests, and what that took from the load.

use crate::record::{Chunk, Part, RequestRecord, RunRecords};

/// How far a closed loop kept its slots filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slots {
    /// Share of the windows during which a request was under way in a slot.
    pub used: f64,
    /// How long a slot stood idle before a request, on average, in µs.
    pub idle_us: f64,
}

/// How far `asked` slots were filled. A request holds its slot from when its connection was asked for to
/// its end. Absent where a request got no connection: then nobody knows how long the server made it
/// wait.
pub(super) fn slots(runs: &[RunRecords], asked: u32) -> Option<Slots> {
    let (mut busy, mut all, mut begun) = (0.0, 0.0, 0_u64);
    for run in runs {
        let window = run.window;
        for record in &run.records {
            let from = record.sent_us?.saturating_sub(held_up(record));
            let to = match record.end_us {
                Some(end) if !record.cut() => end,
                _ => window.end_us,
            };
            begun += u64::from(window.contains(from));
            let (from, to) = (from.max(window.start_us), to.min(window.end_us));
            busy += to.saturating_sub(from) as f64;
        }
        all += window.end_us.saturating_sub(window.start_us) as f64 * f64::from(asked);
    }
    (all > 0.0 && begun > 0).then(|| Slots {
        used: busy / all,
        idle_us: (all - busy).max(0.0) / begun as f64,
    })
}

fn held_up(record: &RequestRecord) -> u64 {
    record.connect_us.unwrap_or(0)
}

/// The runs as they may have been with every slot filled, `idle_us` of waiting more in each request:
/// before its first token, or spread over its tokens.
///
/// By the interactive response time law (`R = N/X − Z`) a server that answers as many requests a second
/// takes as much longer for each as its slot would have stood idle; one with time to spare takes less.
pub(super) fn as_if_filled(runs: &[RunRecords], idle_us: f64) -> [Vec<RunRecords>; 2] {
    let longer = idle_us as u64;
    let first = changed(runs, |record| {
        record.first_us = record.first_us.map(|t| t + longer);
    });
    let tokens = changed(runs, |record| {
        let gaps = record.chunks.iter().skip(1).count() as u64;
        let mut chunks: Vec<Chunk> = record.chunks.iter().collect();
        for chunk in chunks.iter_mut().skip(1) {
            chunk.gap_us += longer / gaps.max(1);
        }
        record.chunks = chunks.into();
    });
    let ended = |mut runs: Vec<RunRecords>| {
        for record in runs.iter_mut().flat_map(|r| &mut r.records) {
            if record.part == Part::Window {
                record.end_us = record.end_us.map(|t| t + longer);
            }
        }
        runs
    };
    [ended(first), ended(tokens)]
}

fn changed(runs: &[RunRecords], change: impl Fn(&mut RequestRecord)) -> Vec<RunRecords> {
    let mut runs = runs.to_vec();
    let all = runs.iter_mut().flat_map(|r| &mut r.records);
    all.filter(|r| r.part == Part::Window).for_each(change);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::*;
    use crate::record::ErrorKind;

    /// One slot: 80 ms under way, 20 ms idle.
    fn one_slot() -> RunRecords {
        let records = (0..10).map(|i| request(i, i * 100 * MS, 50 * MS, 3, 10 * MS));
        closed(run(0, S, records.collect()))
    }

    #[test]
    fn a_slot_is_used_from_sending_to_the_end() {
        let found = slots(&[one_slot()], 1).unwrap();
        assert!((found.used - 0.8).abs() < 1e-9, "{found:?}");
        assert!((found.idle_us - 20_000.0).abs() < 1e-6);
        // Half of two slots at the most.
        let found = slots(&[one_slot()], 2).unwrap();
        assert!((found.used - 0.4).abs() < 1e-9);
    }

    #[test]
    fn what_the_server_held_up_is_no_idle_time() {
        let mut run = one_slot();
        for record in run.records.iter_mut().skip(1) {
            record.connect_us = Some(20 * MS);
        }
        let found = slots(&[run], 1).unwrap();
        assert!(found.used > 0.97, "{found:?}");
        let mut refused = one_slot();
        refused.records[3] = failed(refused.records[3].clone(), ErrorKind::Connect, 400 * MS);
        refused.records[3].sent_us = None;
        assert_eq!(slots(&[refused], 1), None);
    }

    #[test]
    fn filled_slots_make_requests_longer_by_the_idle_time() {
        let before = one_slot();
        let [first, tokens] = as_if_filled(std::slice::from_ref(&before), 20_000.0);
        let (was, one, two) = (
            &before.records[4],
            &first[0].records[4],
            &tokens[0].records[4],
        );
        assert_eq!(one.end_us.unwrap() - was.end_us.unwrap(), 20 * MS);
        assert_eq!(one.first_us.unwrap() - was.first_us.unwrap(), 20 * MS);
        assert_eq!(two.first_us, was.first_us);
        let sum = |r: &RequestRecord| r.chunks.iter().map(|c| c.gap_us).sum::<u64>();
        let longer = sum(two) - sum(was);
        assert!((19_990..=20_000).contains(&longer), "{longer}");
    }
}
