use crate::record::RunRecords;
use crate::result::HeatSeries;
use crate::stats::SortedValues;

use super::histogram::histogram_of;
use super::samples::request_value;

/// Most columns of a heat map: more cannot be told apart on a page.
const COLUMNS: u64 = 48;
/// Most rows.
const ROWS: usize = 16;

/// How many first tokens came how late, over the course of a run that ended at `end_us`; nothing without
/// any. Rows are the bins of a histogram of all of them, so that the slowest has a row.
pub fn ttft_heat(run: &RunRecords, end_us: u64) -> Option<HeatSeries> {
    let values: Vec<(u64, f64)> = run
        .records
        .iter()
        .filter_map(|r| {
            Some((
                r.first_us?,
                request_value(r, "ttft").filter(|v| v.is_finite())?,
            ))
        })
        .collect();
    let mut sorted: Vec<f64> = values.iter().map(|v| v.1).collect();
    sorted.sort_by(f64::total_cmp);
    let edges = histogram_of(&SortedValues::Exact(sorted), ROWS)?.edges;
    let width_us = end_us.div_ceil(COLUMNS).max(1);
    let columns = usize::try_from(end_us.div_ceil(width_us)).unwrap_or(0);
    let mut counts = vec![vec![0_u64; edges.len() - 1]; columns];
    for (at, value) in values {
        let row = edges.partition_point(|e| *e <= value).saturating_sub(1);
        let column = usize::try_from(at / width_us).unwrap_or(usize::MAX);
        if let Some(column) = counts.get_mut(column.min(columns.saturating_sub(1))) {
            column[row.min(edges.len() - 2)] += 1;
        }
    }
    Some(HeatSeries {
        interval_s: width_us as f64 / 1e6,
        edges: edges.into_iter().map(six_digits).collect(),
        counts,
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
    use crate::metrics::synthetic::{MS, request};
    use crate::record::{RequestRecord, Window};

    fn ran(records: Vec<RequestRecord>) -> RunRecords {
        RunRecords {
            session: 0,
            open_loop: true,
            window: Window {
                start_us: 0,
                end_us: 50_000 * MS,
            },
            records,
            scrapes: Vec::new(),
            cache: None,
        }
    }

    #[test]
    fn every_first_token_is_in_a_cell_and_the_slowest_in_the_last_row() {
        let mut records: Vec<_> = (0..500)
            .map(|i| request(i, i * 100 * MS, (20 + i % 7) * MS, 1, MS))
            .collect();
        records.push(request(500, 20_000 * MS, 4_000 * MS, 1, MS));
        let run = ran(records);
        let heat = ttft_heat(&run, 51_000 * MS).expect("there are first tokens");
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
        assert!(ttft_heat(&ran(vec![]), 0).is_none());
    }
}
