use super::picture::Picture;
use crate::report::chart::{Head, Span, SpanChart, spans};
use crate::report::lengths;
use crate::result::{AskedAndGot, LengthSummary, PhaseResult};

/// Lengths of prompts and answers, asked for and got.
pub(super) fn lengths(phase: &PhaseResult) -> Option<Picture> {
    let input = phase.tokens.input.iter().flat_map(|t| rows("prompts", t));
    let output = phase.tokens.output.iter().flat_map(|t| rows("answers", t));
    let rows: Vec<Span> = input.chain(output).collect();
    // Of one length there is nothing to see.
    if rows.iter().all(|r| r.at[0] == r.at[4]) {
        return None;
    }
    let said = lengths::lines(phase).join("; ");
    let title = "Lengths, asked for and got";
    let caption = format!("Least to greatest, median to p90, p99. {said}.");
    let svg = spans(&SpanChart {
        head: Head {
            title,
            desc: &caption,
        },
        unit: "tokens",
        rows,
    })?;
    Some(Picture {
        name: "token_lengths",
        title: title.to_owned(),
        caption,
        svg,
    })
}

fn rows(what: &str, tokens: &AskedAndGot) -> Vec<Span> {
    let row = |name: String, wanted: bool, of: &LengthSummary| Span {
        name,
        wanted,
        at: [of.min, of.p50, of.p90, of.p99, of.max],
    };
    let about = if tokens.estimated { " (about)" } else { "" };
    match (&tokens.asked_lengths, &tokens.got_lengths) {
        (Some(asked), Some(got)) => vec![
            row(format!("{what} asked{about}"), true, asked),
            row(format!("{what} got"), false, got),
        ],
        _ => Vec::new(),
    }
}
