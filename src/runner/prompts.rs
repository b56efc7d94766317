use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::tokens::check_tokenizers;
use crate::suite::{Diagnostic, Location, PromptSource, SourceFile, Span, Suite};
use crate::workload::{FileEntry, parse_prompt_file};

/// Reads every prompt file and every tokenizer that `suites` name, so that what is wrong with one is known before
/// anything is sent: a diagnostic for each that cannot be used.
pub fn check_prompt_files(suites: &[Suite]) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for scenario in suites.iter().flat_map(|s| &s.scenarios) {
        if let PromptSource::File { path, location, .. } = &scenario.prompts.source
            && seen.insert(path)
        {
            problems.extend(read_prompts(path, location).err());
        }
    }
    problems.extend(check_tokenizers(suites));
    problems
}

/// Reads a prompt file that a suite names at `named`.
///
/// # Errors
/// What is wrong: with the place in the prompt file, where it has one, else with that in the suite.
pub fn read_prompts(path: &Path, named: &Location) -> Result<Vec<FileEntry>, Diagnostic> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        Diagnostic::new(format!("cannot read {name}: {e}"))
            .at(named.clone())
            .help("`path` counts from the suite's own folder; check that the file is there")
    })?;
    let inside = |text: &str, span: Span, message: String| {
        let file = SourceFile {
            path: name.as_str().into(),
            text: text.into(),
        };
        Diagnostic::new(message)
            .at(Location { file, span })
            .related(named.clone(), "its prompts are asked for here")
    };
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let start = e.valid_up_to();
        let end = start + '\u{fffd}'.len_utf8();
        let message = "this file is not UTF-8: a byte here stands for no character".to_owned();
        inside(
            &String::from_utf8_lossy(&bytes),
            Span { start, end },
            message,
        )
        .help("save it as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    parse_prompt_file(&name, text).map_err(|e| match e.line {
        Some(line) => inside(text, span_of(text, line), e.message).help(e.help),
        None => Diagnostic::new(format!("{name}: {}", e.message))
            .at(named.clone())
            .help(e.help),
    })
}

/// The stretch of line `number` (from 1).
fn span_of(text: &str, number: usize) -> Span {
    let start: usize = text
        .split_inclusive('\n')
        .take(number.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = text[start..].lines().next().unwrap_or("");
    Span {
        start,
        end: start + line.len(),
    }
}

/// The prompts of a scenario, where they come from a file.
///
/// # Errors
/// As [`read_prompts`].
pub fn prompts_of(source: &PromptSource) -> Result<Arc<[FileEntry]>, Diagnostic> {
    match source {
        PromptSource::File { path, location, .. } => read_prompts(path, location).map(Into::into),
        PromptSource::Synthetic { .. } => Ok(Arc::new([])),
    }
}
