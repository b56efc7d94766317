use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::overlay::{DRAWN, overlays};
use super::seam::SideBySide;
use super::table::{PhaseRow, Runs};
use super::words::{NOT_JUDGED, change, value, verdicts};
use crate::report::html::{Templates, when};
use crate::report::{ReportError, ReportInput};
use crate::text::printable;

/// A page of its own: tables of changes, curves over each other.
#[derive(Clone, Debug, Default)]
pub struct RunsHtml {
    templates: Templates,
}

impl RunsHtml {
    /// With the built-in templates.
    pub const EMBEDDED: RunsHtml = RunsHtml {
        templates: Templates::EMBEDDED,
    };

    /// With templates of one's own.
    pub fn new(templates: Templates) -> Self {
        RunsHtml { templates }
    }
}

impl SideBySide for RunsHtml {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file_name(&self) -> &'static str {
        "runs.html"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        self.page(&view(runs))
            .map(String::into_bytes)
            .map_err(|e| ReportError {
                report: self.name(),
                message: format!("{e:#}"),
            })
    }
}

impl RunsHtml {
    /// All that `runs.html` sees as `page`: `docs/templates.md` lists it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn context(runs: &[ReportInput<'_>]) -> Result<serde_json::Value, ReportError> {
        serde_json::to_value(view(runs)).map_err(|e| ReportError {
            report: "html",
            message: e.to_string(),
        })
    }

    fn page(&self, page: &PageView) -> Result<String, minijinja::Error> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        for (name, text) in self.templates.iter() {
            env.add_template_owned(name.to_owned(), text.into_owned())?;
        }
        let page = Value::from(Serde(page));
        env.get_template("runs.html")?
            .render(minijinja::context! { page })
    }
}

/// All that `runs.html` sees.
#[derive(Serialize)]
struct PageView {
    title: String,
    /// That changes are shown and not judged.
    note: String,
    runs: Vec<RunView>,
    cases: Vec<CaseView>,
}

#[derive(Serialize)]
struct RunView {
    letter: String,
    id: String,
    started: String,
    version: String,
    host: Option<String>,
    labels: Vec<String>,
    verdict: &'static str,
    headline: String,
}

#[derive(Serialize)]
struct CaseView {
    slug: String,
    name: String,
    /// Run's letter and verdict; a dash where the run does not have the case.
    verdicts: Vec<(String, &'static str)>,
    phases: Vec<PhaseView>,
}

#[derive(Serialize)]
struct PhaseView {
    name: String,
    differs: Vec<String>,
    rows: Vec<RowView>,
    pictures: Vec<PictureView>,
}

#[derive(Serialize)]
struct RowView {
    name: String,
    /// `lower`, `higher` or nothing.
    better: &'static str,
    /// Whether it is looked at first.
    chief: bool,
    /// `(value, change)` of each run.
    cells: Vec<(String, String)>,
}

#[derive(Serialize)]
struct PictureView {
    title: String,
    caption: String,
    svg: String,
}

fn view(runs: &[ReportInput<'_>]) -> PageView {
    let all = Runs::of(runs);
    let letters: Vec<String> = all.runs.iter().map(|r| r.letter.clone()).collect();
    let mut drawn = 0;
    PageView {
        title: format!("{} runs side by side · prony", all.runs.len()),
        // Its commands are marked as Markdown does.
        note: NOT_JUDGED.replace('`', ""),
        cases: all
            .cases
            .iter()
            .map(|case| CaseView {
                slug: clean(&case.slug),
                name: clean(&case.name),
                verdicts: verdicts(case, &all),
                phases: case
                    .phases
                    .iter()
                    .map(|phase| {
                        drawn += 1;
                        let pictures = if drawn <= DRAWN {
                            pictures(runs, &letters, &case.name, &phase.name)
                        } else {
                            Vec::new()
                        };
                        phase_view(phase, pictures)
                    })
                    .collect(),
            })
            .collect(),
        runs: all
            .runs
            .into_iter()
            .map(|run| RunView {
                letter: run.letter,
                id: clean(&run.id),
                started: when(&run.started_at),
                version: clean(&run.version),
                host: run.host.as_deref().map(clean),
                labels: run.labels.iter().map(|l| clean(l)).collect(),
                verdict: run.verdict.name(),
                headline: clean(&run.headline),
            })
            .collect(),
    }
}

fn phase_view(phase: &PhaseRow, pictures: Vec<PictureView>) -> PhaseView {
    PhaseView {
        name: clean(&phase.name),
        differs: phase.differs.iter().map(|d| clean(d)).collect(),
        rows: phase
            .metrics
            .iter()
            .map(|row| RowView {
                name: clean(&row.name()),
                better: row.better.unwrap_or_default(),
                chief: row.is_chief(),
                cells: row
                    .cells
                    .iter()
                    .map(|cell| (value(cell, row), change(cell)))
                    .collect(),
            })
            .collect(),
        pictures,
    }
}

fn pictures(
    runs: &[ReportInput<'_>],
    letters: &[String],
    case: &str,
    phase: &str,
) -> Vec<PictureView> {
    overlays(runs, letters, case, phase)
        .into_iter()
        .map(|o| PictureView {
            title: o.title,
            caption: o.caption,
            svg: o.svg,
        })
        .collect()
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}
