use super::console::one_line;
use super::order::in_table_order;
use super::seam::{Report, ReportError, ReportInput};
use crate::result::{CaseResult, MetricSummary};

/// Headings of the columns, in their order.
const HEADINGS: [&str; 20] = [
    "run", "suite", "case", "kind", "verdict", "phase", "load", "metric", "unit", "n", "value",
    "mean", "stddev", "min", "p50", "p90", "p95", "p99", "max", "beyond",
];
/// How many columns say what a row is about; figures follow.
const NAMES: usize = 9;

/// A table for spreadsheets: one row per case, phase and metric, pooled over the phase's runs. A case
/// that measured nothing has one row without a metric, so that its verdict is not lost.
#[derive(Clone, Copy, Debug)]
pub struct Csv;

impl Report for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn file_name(&self) -> &'static str {
        "metrics.csv"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        let mut table = CsvTable::new();
        table.row(HEADINGS.iter().map(|h| (*h).to_owned()));
        for case in &input.result.cases {
            rows(&mut table, &input.result.run.id, case);
        }
        table.finish()
    }
}

fn rows(table: &mut CsvTable, run: &str, case: &CaseResult) {
    let of_case = [
        run,
        &case.suite,
        &case.name,
        &case.kind,
        case.verdict.name(),
    ]
    .map(text);
    if case.phases.iter().all(|p| p.metrics.is_empty()) {
        let empty = std::iter::repeat_n(String::new(), HEADINGS.len() - of_case.len());
        table.row(of_case.iter().cloned().chain(empty));
    }
    for phase in &case.phases {
        for (name, metric) in in_table_order(&phase.metrics) {
            let unit = match metric {
                MetricSummary::Distribution(d) => d.unit,
                MetricSummary::Value(v) => v.unit,
            };
            let of_metric = [&phase.name, &phase.load.text, name, unit.name()].map(text);
            let names = of_case.iter().cloned().chain(of_metric);
            table.row(names.chain(figures(metric)));
        }
    }
}

/// The figures of a metric, a cell each.
fn figures(metric: &MetricSummary) -> [String; HEADINGS.len() - NAMES] {
    match metric {
        MetricSummary::Value(v) => std::array::from_fn(|i| match i {
            1 => number(Some(v.value)),
            _ => String::new(),
        }),
        MetricSummary::Distribution(d) => [
            d.n.to_string(),
            String::new(),
            number(d.mean),
            number(d.stddev),
            number(d.min),
            number(d.p50),
            number(d.p90),
            number(d.p95),
            number(d.p99),
            number(d.max),
            number(d.beyond),
        ],
    }
}

/// Rows of RFC 4180 under construction.
pub(super) struct CsvTable {
    writer: csv::Writer<Vec<u8>>,
    failed: Option<String>,
}

impl CsvTable {
    pub(super) fn new() -> Self {
        CsvTable {
            writer: csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(Vec::new()),
            failed: None,
        }
    }

    /// A row; all rows must be as long as the first.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if let Err(e) = self.writer.write_record(cells) {
            self.failed.get_or_insert(e.to_string());
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, ReportError> {
        let failed = |message: String| ReportError {
            report: "csv",
            message,
        };
        match self.failed {
            Some(message) => Err(failed(message)),
            None => self.writer.into_inner().map_err(|e| failed(e.to_string())),
        }
    }
}

/// A number as spreadsheets and programs read it; missing is empty.
pub(super) fn number(value: Option<f64>) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(String::new, |v| v.to_string())
}

/// Foreign text in one cell, in one line. What a spreadsheet would take for a formula gets an
/// apostrophe in front, which spreadsheets read as "this is text"
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
pub(super) fn text(text: &str) -> String {
    let line = one_line(text);
    if line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']) {
        format!("'{line}")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for hostile in [
            "=HYPERLINK(\"http://x\")",
            "+1",
            "-1+cmd|' /C calc'!A0",
            "@SUM(A1)",
            "\t=1",
            "\r\n=1",
            " =1",
            "＝1",
        ] {
            assert!(text(hostile).starts_with('\''), "{hostile:?}");
        }
        assert_eq!(text("steady[k=-1]"), "steady[k=-1]");
    }

    #[test]
    fn numbers_stay_numbers_and_missing_is_empty() {
        assert_eq!(number(Some(-0.25)), "-0.25");
        assert_eq!(number(Some(1e-7)), "0.0000001");
        assert_eq!(number(None), "");
        assert_eq!(number(Some(f64::INFINITY)), "");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut table = CsvTable::new();
        table.row(["a".to_owned(), "b".to_owned()]);
        table.row(["x, \"y\"".to_owned(), text("two\nlines")]);
        let bytes = table.finish().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "a,b\r\n\"x, \"\"y\"\"\",two lines\r\n"
        );
    }
}
