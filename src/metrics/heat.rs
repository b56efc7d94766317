use crate::record::RunRecords;
use crate::result::HeatSeries;
use crate::stats::SortedValues;

use super::histogram::histogram_of;
use super::samples::request_value;

/// Most columns of a heat map: more cannot be told apart on a page.
const COLUMNS: u64 = 48;
/// Most rows.
const ROWS: usize = 16;

/// The cells that the heat maps of all runs of a phase share, so that they can be seen side by side.
pub(super) struct HeatFrame {
    /// Width of a column.
    width_us: u64,
    /// Edges of the rows: the bins of a histogram of all first tokens, so that the slowest has a row.
    edges: Vec<f64>,
}

impl HeatFrame {
    /// For `runs`, each with the moment of its end; nothing without any first token.
    pub fn of(runs: &[(&RunRecords, u64)]) -> Option<HeatFrame> {
        let mut sorted: Vec<f64> = runs
            .iter()
            .flat_map(|(run, _)| first_tokens(run))
            .map(|v| v.1)
            .collect();
        sorted.sort_by(f64::total_cmp);
        let longest = runs.iter().map(|(_, end_us)| *end_us).max()?;
        Some(HeatFrame {
            width_us: longest.div_ceil(COLUMNS).max(1),
            edges: histogram_of(&SortedValues::Exact(sorted), ROWS)?.edges,
        })
    }

    /// How many first tokens came how late, over the course of a run that ended at `end_us`; nothing without
    /// any.
    pub fn heat(&self, run: &RunRecords, end_us: u64) -> Option<HeatSeries> {
        let HeatFrame { width_us, edges } = self;
        let columns = usize::try_from(end_us.div_ceil(*width_us)).unwrap_or(0);
        let mut counts = vec![vec![0_u64; edges.len() - 1]; columns];
        for (at, value) in first_tokens(run) {
            let row = edges.partition_point(|e| *e <= value).saturating_sub(1);
            let column = usize::try_from(at / width_us).unwrap_or(usize::MAX);
            if let Some(column) = counts.get_mut(column.min(columns.saturating_sub(1))) {
                column[row.min(edges.len() - 2)] += 1;
            }
        }
        counts.iter().flatten().any(|n| *n > 0).then(|| HeatSeries {
            interval_s: *width_us as f64 / 1e6,
            edges: edges.iter().copied().map(six_digits).collect(),
            counts,
        })
    }
}

/// When each first token came, and how late it was in ms.
fn first_tokens(run: &RunRecords) -> impl Iterator<Item = (u64, f64)> {
    run.records.iter().filter_map(|r| {
        let value = request_value(r, "ttft").filter(|v| v.is_finite())?;
        Some((r.first_us?, value))
    })
}

/// Edges need no more digits than a picture shows.
fn six_digits(v: f64) -> f64 {
    if v == 0.0 {
        return v;
    }
    let scale = 10f64.powi(5 - v.abs().log10().floor() as i32);
    (v * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::{MS, request, run};
    use crate::record::RequestRecord;

    fn alone(run: &RunRecords, end_us: u64) -> Option<HeatSeries> {
        HeatFrame::of(&[(run, end_us)])?.heat(run, end_us)
    }

    fn ran(records: Vec<RequestRecord>) -> RunRecords {
        run(0, 50_000 * MS, records)
    }

    #[test]
    fn every_first_token_is_in_a_cell_and_the_slowest_in_the_last_row() {
        let mut records: Vec<_> = (0..500)
            .map(|i| request(i, i * 100 * MS, (20 + i % 7) * MS, 1, MS))
            .collect();
        records.push(request(500, 20_000 * MS, 4_000 * MS, 1, MS));
        let run = ran(records);
        let heat = alone(&run, 51_000 * MS).expect("there are first tokens");
        let all: u64 = heat.counts.iter().flatten().sum();
        assert_eq!(all, 501);
        assert!(heat.counts.len() <= 48 && heat.edges.len() <= ROWS + 1);
        let slow: Vec<usize> = heat
            .counts
            .iter()
            .enumerate()
            .filter(|(_, c)| c.last().is_some_and(|n| *n > 0))
            .map(|(i, _)| i)
            .collect();
        assert_eq!(slow, [22], "24 s into the run, in columns of 1.0625 s");
        assert!(alone(&ran(vec![]), 0).is_none());
    }

    #[test]
    fn runs_of_a_phase_share_their_cells() {
        let of = |ttft: u64, n: u64| -> Vec<RequestRecord> {
            (0..n)
                .map(|i| request(i, i * 100 * MS, (ttft + i % 7) * MS, 1, MS))
                .collect()
        };
        let (short, long) = (ran(of(20, 100)), ran(of(300, 400)));
        let both = [(&short, 12_000 * MS), (&long, 48_000 * MS)];
        let frame = HeatFrame::of(&both).expect("there are first tokens");
        let maps = both.map(|(run, end)| frame.heat(run, end).expect("drawn"));
        assert_eq!(maps[0].edges, maps[1].edges);
        assert_eq!((maps[0].interval_s, maps[1].interval_s), (1.0, 1.0));
        assert_eq!((maps[0].counts.len(), maps[1].counts.len()), (12, 48));
        let sums = maps.map(|m| m.counts.iter().flatten().sum::<u64>());
        assert_eq!(sums, [100, 400]);
    }
}
