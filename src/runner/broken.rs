use std::sync::Arc;

use libtest_mimic::{Completion, Failed};

use super::ci::Ci;
use super::context::Context;
use super::libtest::Test;
use crate::exit;
use crate::judge::Verdict;
use crate::judge::source_of;
use crate::result::{CaseResult, CaseSeries, Source};
use crate::suite::{Diagnostic, render_all};
use crate::text::slug;

/// One failing test in place of a suite that cannot be read: what it holds is not known, and that it
/// is missing must not look like success.
pub fn test_of(
    (name, problems): (String, Vec<Diagnostic>),
    context: &Arc<Context>,
    ci: &Ci,
) -> Test {
    let result = result_of(&name, &problems);
    let text = render_all(&problems, false);
    let annotations = ci.annotate_problems(&problems);
    let context = context.clone();
    Test {
        name: result.full_name(),
        source: Some((result.source.file.clone(), result.source.line)),
        run: Box::new(move || run(&result, &text, &annotations, &context)),
    }
}

fn run(
    result: &CaseResult,
    text: &str,
    annotations: &str,
    context: &Context,
) -> Result<Completion, Failed> {
    let written = context
        .folder()
        .and_then(|folder| folder.end_case(result, &CaseSeries::default()));
    if let Err(e) = written {
        context.note_internal(format!("cannot write results: {e}"));
    }
    context.note_ended(result, exit::FAILED);
    eprint!("{annotations}");
    Err(Failed::from(text))
}

fn result_of(name: &str, problems: &[Diagnostic]) -> CaseResult {
    let first = problems.first();
    let reason = first.map_or_else(String::new, |d| d.message.clone());
    let more = match problems.len() {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    CaseResult {
        suite: name.to_owned(),
        name: "loads".to_owned(),
        slug: slug(&format!("{name}::loads")),
        kind: "suite".to_owned(),
        verdict: Verdict::Error,
        reason: Some(format!("this suite cannot be read: {reason}{more}")),
        duration_s: 0.0,
        source: first
            .and_then(|d| d.location.as_ref())
            .map_or_else(|| nowhere(name), source_of),
        yaml: String::new(),
        phases: Vec::new(),
        assertions: Vec::new(),
        answers: Vec::new(),
        search: None,
        path: Vec::new(),
        baseline: None,
        notes: problems.iter().map(|d| d.render(false)).collect(),
        unfinished: false,
        extended: None,
        known_issue: None,
    }
}

/// The start of the file.
fn nowhere(file: &str) -> Source {
    Source {
        file: file.to_owned(),
        line: 1,
        ..Source::default()
    }
}
