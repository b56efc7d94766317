use super::seam::SideBySide;
use super::table::Runs;
use crate::report::csv::{CsvTable, number, text};
use crate::report::{ReportError, ReportInput};

/// One row per case, phase, metric and statistic; two columns per run: what it has, and its change.
#[derive(Clone, Copy, Debug)]
pub struct RunsCsv;

impl SideBySide for RunsCsv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn file_name(&self) -> &'static str {
        "runs.csv"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        let all = Runs::of(runs);
        let mut table = CsvTable::new();
        let names = ["case", "phase", "metric", "statistic", "unit", "better"];
        let mut headings: Vec<String> = names.map(str::to_owned).to_vec();
        for (i, run) in all.runs.iter().enumerate() {
            headings.push(text(&format!("{} {}", run.letter, run.id)));
            if i > 0 {
                headings.push(format!("change {}", run.letter));
            }
        }
        let width = headings.len();
        table.row(headings);
        for case in &all.cases {
            for phase in &case.phases {
                for metric in &phase.metrics {
                    let mut row = Vec::with_capacity(width);
                    row.extend([&case.name, &phase.name, &metric.metric].map(|t| text(t)));
                    row.push(metric.statistic.unwrap_or_default().to_owned());
                    row.push(metric.unit.name().to_owned());
                    row.push(metric.better.unwrap_or_default().to_owned());
                    for (i, cell) in metric.cells.iter().enumerate() {
                        row.push(number(cell.value));
                        if i > 0 {
                            row.push(number(cell.change));
                        }
                    }
                    table.row(row);
                }
            }
        }
        table.finish()
    }
}
