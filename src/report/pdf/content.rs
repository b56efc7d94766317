use super::flow::{Color, Figure, Flow, Heading, INK, Look, MUTED};
use crate::judge::Verdict;
use crate::report::change::change;
use crate::report::configurations;
use crate::report::facts::{Facts, requests, server_line, tail_cells};
use crate::report::headline::Headline;
use crate::report::lengths;
use crate::report::noise;
use crate::report::order::{by_attention, in_table_order};
use crate::report::pictures::{Picture, of_case, of_configurations, of_phase};
use crate::report::plots::whole;
use crate::report::seam::ReportInput;
use crate::result::{CaseResult, CaseSeries, ChangeKind, MetricSummary, PhaseResult};
use crate::text::{MISSING, count, margin, minutes, number, quote};

/// Cases whose pictures are drawn at most; beyond, only those of cases that did not pass.
const DRAWN: usize = 60;

pub(super) fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Pass => [0x23, 0x68, 0x3a],
        Verdict::Fail | Verdict::Error => [0xb3, 0x26, 0x1e],
        Verdict::Undecided => [0x85, 0x56, 0x00],
        Verdict::Invalid => [0x6a, 0x48, 0x9c],
        Verdict::Skipped => MUTED,
    }
}

/// What comes first: the verdict, where it was measured, the table of contents with the pages of `headings`.
pub(super) fn front(input: &ReportInput<'_>, headings: &[Heading]) -> Flow {
    let result = input.result;
    let run = &result.run;
    let headline = Headline::new(result);
    let mut flow = Flow::default();
    flow.new_page();
    flow.title(&headline.text, color(headline.verdict));
    let mut about = vec![
        format!("Run {}", run.id),
        format!("started {}", run.started_at),
    ];
    about.extend(run.finished_at.as_ref().map(|t| format!("finished {t}")));
    about.push(format!("prony {}", run.version));
    flow.text(&about.join(" · "), Look::NOTE);
    let host = [
        run.host.name.as_deref(),
        Some(run.host.os.as_str()),
        run.host.cpu.as_deref(),
    ];
    let host: Vec<&str> = host.into_iter().flatten().collect();
    flow.text(&format!("Load from {}", host.join(", ")), Look::NOTE);
    let labels: Vec<String> = run.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    if !labels.is_empty() {
        flow.text(&labels.join(" · "), Look::NOTE);
    }
    let command: Vec<_> = run.command.iter().map(|word| quote(word)).collect();
    flow.text(&command.join(" "), Look::NOTE);
    if run.interrupted {
        flow.text(
            "Interrupted: what follows is not the whole run.",
            Look::BODY.bold(),
        );
    }
    flow.contents(headings);
    flow.text(
        "Quantiles cover every request of the window, failed ones as slower than all others; mean, standard deviation and maximum cover successes. A dash is a value that was not measured.",
        Look::NOTE,
    );
    flow
}

/// What the configurations of a matrix serve, then the cases, what wants attention first.
pub(super) fn body(input: &ReportInput<'_>) -> Flow {
    let mut flow = Flow::default();
    flow.new_page();
    for found in &input.result.configurations {
        let title = configurations::title(found).replacen("which", "Which", 1);
        flow.heading(0, &title, INK);
        let headings = configurations::headings(found);
        let rows: Vec<(Vec<String>, Color)> = configurations::rows(found)
            .into_iter()
            .map(|cells| (cells, INK))
            .collect();
        flow.table(
            &headings.map(|(name, _)| name),
            &headings.map(|(_, right)| right),
            &rows,
        );
        flow.figures(&figures(of_configurations(found)));
    }
    let cases = by_attention(&input.result.cases);
    let many = cases.len() > DRAWN;
    for case in &cases {
        let series = input.series.cases.iter().find(|c| c.slug == case.slug);
        let drawn = !many || !matches!(case.verdict, Verdict::Pass | Verdict::Skipped);
        of_one(&mut flow, case, series, drawn);
    }
    if cases.is_empty() {
        flow.text(
            "There is no case in this run, so there is nothing to judge.",
            Look::BODY,
        );
    }
    flow
}

fn of_one(flow: &mut Flow, case: &CaseResult, series: Option<&CaseSeries>, drawn: bool) {
    let title = format!("{}: {}", case.full_name(), case.verdict.name());
    flow.heading(0, &title, color(case.verdict));
    let place = format!("{}:{}", case.source.file, case.source.line);
    let about = [case.kind.clone(), minutes(case.duration_s), place];
    flow.text(&about.join(" · "), Look::NOTE);
    let issue = case.known_issue.as_ref().map(ToString::to_string);
    for line in case.reason.iter().chain(&issue) {
        flow.text(line, Look::BODY);
    }
    if let Some(extended) = &case.extended {
        flow.text(&extended.text, Look::BODY);
    }
    flow.gap(4.0);
    assertions(flow, case);
    changes(flow, case);
    for line in noise::told(case) {
        flow.text(&line, Look::NOTE);
    }
    for note in &case.notes {
        flow.text(&format!("Note: {note}"), Look::NOTE);
    }
    yaml(flow, case);
    let pictures = |found: Vec<Picture>| if drawn { figures(found) } else { Vec::new() };
    flow.figures(&pictures(of_case(case)));
    for phase in &case.phases {
        let of_phase_ = series.and_then(|s| s.phases.iter().find(|p| p.name == phase.name));
        of_phase_text(flow, case, phase);
        flow.figures(&pictures(of_phase(case, phase, of_phase_)));
    }
    if !drawn && !case.phases.is_empty() {
        flow.text(
            "The run has many cases: pictures of those that passed are in report.html.",
            Look::NOTE,
        );
    }
}

pub(super) fn figures(pictures: Vec<Picture>) -> Vec<Figure> {
    let figure = |p: Picture| {
        let svg = whole(&p.svg);
        Figure {
            shape: shape(&svg),
            title: p.title,
            caption: p.caption,
            svg,
        }
    };
    pictures.into_iter().map(figure).collect()
}

/// Height over width of a whole document.
fn shape(svg: &str) -> f32 {
    let of = |name: &str| -> Option<f32> {
        let (_, rest) = svg.split_once(&format!(" {name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    match (of("width"), of("height")) {
        (Some(width), Some(height)) if width > 0.0 => height / width,
        _ => 0.5,
    }
}

fn assertions(flow: &mut Flow, case: &CaseResult) {
    let changes: Vec<Option<String>> = case
        .assertions
        .iter()
        .map(|a| change(a, case.baseline.as_ref()))
        .collect();
    let rows: Vec<(Vec<String>, Color)> = case
        .assertions
        .iter()
        .zip(changes)
        .map(|(a, change)| {
            let f = Facts::of(a);
            let cells = vec![
                a.text.clone(),
                f.observed,
                f.limit,
                f.margin,
                f.interval,
                f.sample,
                change.unwrap_or_else(|| MISSING.to_owned()),
                f.verdict,
            ];
            (cells, color(a.verdict))
        })
        .collect();
    flow.table(
        &[
            "Assertion",
            "Observed",
            "Limit",
            "Margin",
            "Interval",
            "Sample",
            "Change",
            "Verdict",
        ],
        &[false, true, true, true, false, false, true, false],
        &rows,
    );
}

fn changes(flow: &mut Flow, case: &CaseResult) {
    let Some(baseline) = &case.baseline else {
        return;
    };
    if let Some(reason) = &baseline.reason {
        flow.text(&format!("Baseline: {reason}"), Look::BODY);
    }
    let by = |ratio: Option<f64>| margin(ratio.map(|r| r - 1.0));
    let rows: Vec<(Vec<String>, Color)> = baseline
        .changes
        .iter()
        .map(|c| {
            let color = color(match c.change {
                ChangeKind::Regressed => Verdict::Fail,
                ChangeKind::Improved | ChangeKind::WithinTolerance => Verdict::Pass,
                ChangeKind::Undecided => Verdict::Undecided,
                ChangeKind::NotComparable => Verdict::Skipped,
            });
            let value = |v| {
                c.unit
                    .map_or_else(|| MISSING.to_owned(), |unit| number(v, unit))
            };
            let cells = vec![
                c.metric.clone(),
                value(c.accepted),
                value(c.observed),
                by(c.ratio),
                format!("{} … {}", by(c.interval[0]), by(c.interval[1])),
                margin(c.tolerance),
                c.change.name().to_owned(),
            ];
            (cells, color)
        })
        .collect();
    flow.table(
        &[
            "Against the baseline",
            "Accepted",
            "Observed",
            "Change",
            "Interval",
            "Tolerated",
            "",
        ],
        &[false, true, true, true, false, true, false],
        &rows,
    );
}

/// The scenario, lines of assertions that do not pass marked.
fn yaml(flow: &mut Flow, case: &CaseResult) {
    let lines: Vec<&str> = case.yaml.lines().collect();
    let named = |line: &&str| {
        case.source
            .text
            .as_ref()
            .is_some_and(|t| t.trim() == line.trim())
    };
    let offset = lines.iter().position(named).unwrap_or(0);
    let first = case.source.line.saturating_sub(offset).max(1);
    let mark = |number: usize, line: &str| {
        let here = case.assertions.iter().filter(|a| {
            let same = a
                .source
                .text
                .as_ref()
                .is_none_or(|t| t.trim() == line.trim());
            !a.implicit && a.verdict != Verdict::Pass && a.source.line == number && same
        });
        here.map(|a| a.verdict).reduce(Verdict::and).map(color)
    };
    let code: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| (first + i, (*line).to_owned(), mark(first + i, line)))
        .collect();
    flow.code(&code);
}

fn of_phase_text(flow: &mut Flow, case: &CaseResult, phase: &PhaseResult) {
    if case.phases.len() > 1 {
        let name = format!("{} · {}", case.name, phase.name);
        flow.heading(1, &name, INK);
    }
    flow.text(
        &format!("{}; {}", phase.load.text, requests(phase)),
        Look::BODY,
    );
    let mut about = vec![format!("Target {}", phase.target)];
    about.extend(phase.model.as_ref().map(|m| format!("model {m}")));
    flow.text(&about.join(", "), Look::NOTE);
    for line in server_line(phase).into_iter().chain(lengths::lines(phase)) {
        flow.text(&line, Look::NOTE);
    }
    for w in &phase.warnings {
        let text = format!("Warning: {}. {}", w.text, w.remedy);
        flow.text(&text, Look::BODY.colored(color(Verdict::Undecided)));
    }
    let failed: Vec<(Vec<String>, Color)> = phase
        .errors
        .iter()
        .map(|e| (vec![count(e.count), e.kind.clone(), e.example.clone()], INK))
        .collect();
    flow.table(
        &["Failed", "Kind", "Example"],
        &[true, false, false],
        &failed,
    );
    flow.gap(3.0);
    metrics(flow, phase);
    let rows: Vec<(Vec<String>, Color)> =
        phase.noise.iter().map(|n| (noise::cells(n), INK)).collect();
    flow.table(
        &noise::HEADINGS,
        &[false, true, true, true, true, true],
        &rows,
    );
    client(flow, phase);
}

fn metrics(flow: &mut Flow, phase: &PhaseResult) {
    let mut rows = Vec::new();
    for (name, metric) in in_table_order(&phase.metrics) {
        let mut cells = vec![name.to_owned()];
        match metric {
            MetricSummary::Distribution(d) => {
                cells.extend([number(d.mean, d.unit), number(d.stddev, d.unit)]);
                cells.extend(tail_cells(d));
            }
            MetricSummary::Value(v) => {
                cells.push(number(Some(v.value), v.unit));
                cells.extend(std::iter::repeat_n(String::new(), 7));
            }
        }
        rows.push((cells, INK));
    }
    flow.table(
        &[
            "Metric",
            "Mean or value",
            "Deviation",
            "p50",
            "p90",
            "p95",
            "p99",
            "Max",
            "n",
        ],
        &[false, true, true, true, true, true, true, true, true],
        &rows,
    );
}

/// Whether the client could be trusted, in a line.
fn client(flow: &mut Flow, phase: &PhaseResult) {
    let c = &phase.client;
    let late = |name: &str, spread: Option<crate::result::Spread>| {
        spread.map(|s| {
            let p99 = number(Some(s.p99), crate::metrics::Unit::Milliseconds);
            format!("{name} p99 {p99}")
        })
    };
    let share = |name: &str, v: Option<f64>| {
        v.map(|v| format!("{name} {}", number(Some(v), crate::metrics::Unit::Ratio)))
    };
    let parts: Vec<String> = [
        Some(format!("transport {}", c.transport)),
        late("send lag", c.send_lag),
        late("loop delay", c.loop_delay),
        share("sent of what was due", c.achieved_share),
        share("busiest measuring thread", c.busy),
    ]
    .into_iter()
    .flatten()
    .collect();
    flow.text(&format!("Client: {}", parts.join(", ")), Look::NOTE);
}
