use super::content::{color, figures};
use super::flow::{Color, Figure, Flow, Heading, INK, Look, MUTED};
use super::report::paged;
use crate::judge::Verdict;
use crate::report::html::when;
use crate::report::runs::{
    CaseRow, DRAWN, MetricRow, NOT_JUDGED, PhaseRow, Runs, SideBySide, change, overlays, value,
    verdicts,
};
use crate::report::seam::{ReportError, ReportInput};
use crate::text::MISSING;

/// Runs beside the first one in a table: more have no room on paper.
const BESIDE: usize = 4;

/// Several runs side by side on paper: what the page of several runs has.
#[derive(Clone, Copy, Debug)]
pub struct RunsPdf;

impl SideBySide for RunsPdf {
    fn name(&self) -> &'static str {
        "pdf"
    }

    fn file_name(&self) -> &'static str {
        "runs.pdf"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        let all = Runs::of(runs);
        let title = title(&all);
        let names: Vec<&str> = all.runs.iter().map(|run| run.id.as_str()).collect();
        let front = |headings: &[Heading]| front(&all, headings);
        paged(&title, &names.join(" · "), body(&all, runs), front).map_err(|message| ReportError {
            report: self.name(),
            message,
        })
    }
}

fn title(all: &Runs) -> String {
    format!("{} runs side by side", all.runs.len())
}

/// The runs, and the table of contents.
fn front(all: &Runs, headings: &[Heading]) -> Flow {
    let mut flow = Flow::default();
    flow.new_page();
    flow.title(&title(all), INK);
    flow.text(&NOT_JUDGED.replace('`', ""), Look::BODY);
    flow.gap(4.0);
    let rows: Vec<(Vec<String>, Color)> = all
        .runs
        .iter()
        .map(|run| {
            let cells = vec![
                run.letter.clone(),
                run.id.clone(),
                when(&run.started_at),
                run.host.clone().unwrap_or_else(|| MISSING.to_owned()),
                run.version.clone(),
                run.labels.join(", "),
                run.headline.clone(),
            ];
            (cells, color(run.verdict))
        })
        .collect();
    flow.table(
        &[
            "",
            "Run",
            "Started",
            "On",
            "prony",
            "Labels",
            "What came of it",
        ],
        &[false; 7],
        &rows,
    );
    flow.contents(headings);
    flow.text(
        "A dash is a value that was not measured, or a change against nothing. ∞: so many requests failed that the quantile has no bound.",
        Look::NOTE,
    );
    flow
}

fn body(all: &Runs, runs: &[ReportInput<'_>]) -> Flow {
    let mut flow = Flow::default();
    flow.new_page();
    let letters: Vec<String> = all.runs.iter().map(|run| run.letter.clone()).collect();
    let mut drawn = 0;
    for case in &all.cases {
        flow.heading(0, &case.name, of_all(case));
        let said: Vec<String> = verdicts(case, all)
            .into_iter()
            .map(|(letter, verdict)| format!("{letter}: {verdict}"))
            .collect();
        flow.text(&said.join(" · "), Look::NOTE);
        for phase in &case.phases {
            if case.phases.len() > 1 {
                flow.heading(1, &format!("{} · {}", case.name, phase.name), INK);
            }
            drawn += 1;
            let pictures = if drawn <= DRAWN {
                figures(overlays(runs, &letters, &case.name, &phase.name))
            } else {
                Vec::new()
            };
            of_phase(&mut flow, phase, &letters, &pictures);
        }
    }
    if all.cases.is_empty() {
        flow.text("None of the runs has a case.", Look::BODY);
    }
    if drawn > DRAWN {
        let text = format!("Pictures are of the first {DRAWN} phases.");
        flow.text(&text, Look::NOTE);
    }
    flow
}

/// The colour of the worst verdict of any run.
fn of_all(case: &CaseRow) -> Color {
    let verdicts = case.verdicts.iter().flatten().copied();
    verdicts.reduce(Verdict::and).map_or(MUTED, color)
}

/// What is looked at first, the pictures, and then all the rest.
fn of_phase(flow: &mut Flow, phase: &PhaseRow, letters: &[String], pictures: &[Figure]) {
    for line in &phase.differs {
        let text =
            format!("Asked for differently, so the figures do not compare like with like: {line}");
        flow.text(&text, Look::BODY.colored(color(Verdict::Undecided)));
    }
    let (chief, other): (Vec<&MetricRow>, Vec<&MetricRow>) =
        phase.metrics.iter().partition(|row| row.is_chief());
    tables(flow, "Metric", &chief, letters);
    flow.gap(4.0);
    flow.figures(pictures);
    tables(flow, "Other statistics, the server's own", &other, letters);
}

/// Every run beside the first, as many tables as that takes.
fn tables(flow: &mut Flow, name: &str, rows: &[&MetricRow], letters: &[String]) {
    if rows.is_empty() {
        return;
    }
    let others: Vec<usize> = (1..letters.len()).collect();
    for part in others.chunks(BESIDE) {
        let mut head = vec![name, "Better", letters[0].as_str()];
        let mut right = vec![false, false, true];
        for i in part {
            head.extend([letters[*i].as_str(), "Change"]);
            right.extend([true, true]);
        }
        let cells = |row: &MetricRow| {
            let better = row.better.unwrap_or_default().to_owned();
            let mut cells = vec![row.name(), better];
            let of_run = |i: usize| row.cells.get(i).copied().unwrap_or_default();
            cells.push(value(&of_run(0), row));
            for i in part {
                cells.extend([value(&of_run(*i), row), change(&of_run(*i))]);
            }
            (cells, INK)
        };
        let rows: Vec<(Vec<String>, Color)> = rows.iter().map(|row| cells(row)).collect();
        flow.table(&head, &right, &rows);
    }
}
