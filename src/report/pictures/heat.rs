use super::over_time::{seconds, shades_of};
use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{Head, HeatChart, HeatPart, Scale, heat};
use crate::result::{HeatSeries, PhaseSeries, RunSeries};
use crate::text::number;

/// Columns of all runs together: more cannot be told apart on a page.
const COLUMNS: usize = 96;
/// Columns that a run has at least, however many runs there are.
const FEWEST_COLUMNS: usize = 6;

/// How the time to the first token was distributed over the course of every run, one after the other.
pub(super) fn ttft_heat(series: &PhaseSeries) -> Option<Picture> {
    let first = series.runs.iter().find_map(|run| run.ttft_heat.as_ref())?;
    let mut runs: Vec<&RunSeries> = series.runs.iter().collect();
    // Earlier versions had cells of its own for each run.
    let mut maps = runs.iter().filter_map(|run| run.ttft_heat.as_ref());
    let alike = maps.all(|map| same_cells(map, first));
    let x = seconds(series);
    let end = match x.scale {
        Scale::Linear { hi, .. } | Scale::Log { hi, .. } | Scale::Tail { hi } => hi,
    };
    let which = match runs.len() {
        1 => String::new(),
        n if alike => {
            let seconds = number(Some(end), Unit::Count);
            format!(" {n} runs one after the other, each on an axis of {seconds} s.")
        }
        _ => {
            runs.retain(|run| {
                run.ttft_heat
                    .as_ref()
                    .is_some_and(|map| same_cells(map, first))
            });
            runs.truncate(1);
            " The first run.".to_owned()
        }
    };
    let most = (COLUMNS / runs.len().max(1)).max(FEWEST_COLUMNS);
    let widest = runs.iter().filter_map(|run| run.ttft_heat.as_ref());
    let widest = widest.map(|map| map.counts.len()).max().unwrap_or(0);
    let together = widest.div_ceil(most).max(1);
    let parts: Vec<HeatPart> = runs
        .iter()
        .map(|run| HeatPart {
            columns: match &run.ttft_heat {
                Some(map) => merged(&map.counts, together),
                None => Vec::new(),
            },
            shades: shades_of(run),
        })
        .collect();
    let title = "Time to first token, request by request";
    let caption =
        format!("Each cell counts first tokens, darker for more; a single slow one shows.{which}");
    let svg = heat(&HeatChart {
        head: Head {
            title,
            desc: &caption,
        },
        x,
        edges: &first.edges,
        unit: "ms",
        width: first.interval_s * together as f64,
        parts: &parts,
    })?;
    Some(Picture {
        name: "ttft_heatmap",
        title: title.to_owned(),
        caption,
        svg,
    })
}

fn same_cells(a: &HeatSeries, b: &HeatSeries) -> bool {
    a.edges == b.edges && a.interval_s == b.interval_s
}

/// `columns` with as many as `together` neighbours as one.
fn merged(columns: &[Vec<u64>], together: usize) -> Vec<Vec<u64>> {
    let sum = |some: &[Vec<u64>]| {
        let rows = some.iter().map(Vec::len).max().unwrap_or(0);
        let of_row = |row: usize| some.iter().filter_map(|c| c.get(row)).sum();
        (0..rows).map(of_row).collect()
    };
    columns.chunks(together.max(1)).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(edges: &[f64], columns: usize) -> RunSeries {
        RunSeries {
            interval_s: 1.0,
            window_s: [1.0, columns as f64],
            series: [("sent".to_owned(), vec![Some(1.0); columns])].into(),
            ttft_heat: Some(HeatSeries {
                interval_s: 1.0,
                edges: edges.to_vec(),
                counts: vec![vec![1, 2]; columns],
            }),
            ..RunSeries::default()
        }
    }

    fn drawn(runs: Vec<RunSeries>) -> Picture {
        let name = "main".to_owned();
        ttft_heat(&PhaseSeries { name, runs }).expect("drawn")
    }

    #[test]
    fn every_run_is_drawn_and_no_first_token_is_lost() {
        let edges = [10.0, 20.0, 40.0];
        let picture = drawn((0..5).map(|_| run(&edges, 48)).collect());
        assert!(
            picture.caption.contains("5 runs one after the other"),
            "{}",
            picture.caption
        );
        let (_, rest) = picture.svg.split_once("data-heat=\"").expect("values");
        let (values, _) = rest.split_once('"').expect("an end");
        let runs: Vec<&str> = values.split(';').collect();
        assert_eq!(runs.len(), 5);
        for run in runs {
            let cells = run.split(',').flat_map(|column| column.split('.'));
            let sum: u64 = cells.map(|n| n.parse::<u64>().expect("a count")).sum();
            assert_eq!(sum, 48 * 3);
            assert!(run.split(',').count() <= COLUMNS / 5);
        }
    }

    #[test]
    fn a_run_without_first_tokens_keeps_its_place() {
        let edges = [10.0, 20.0, 40.0];
        let mut runs = vec![run(&edges, 48), run(&edges, 48)];
        runs[0].ttft_heat = None;
        let picture = drawn(runs);
        assert!(picture.svg.contains("data-heat=\";1.2"), "{}", picture.svg);
    }

    #[test]
    fn runs_with_cells_of_their_own_are_not_held_against_each_other() {
        let runs = vec![run(&[10.0, 20.0, 40.0], 48), run(&[10.0, 30.0, 90.0], 48)];
        let picture = drawn(runs);
        assert!(
            picture.caption.ends_with("The first run."),
            "{}",
            picture.caption
        );
        assert!(!picture.svg.contains("1.2;"), "{}", picture.svg);
    }
}
