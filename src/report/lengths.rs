//! How long prompts and answers were asked for, and how long they were.

use super::console::one_line;
use crate::metrics::Unit;
use crate::result::{AskedAndGot, LengthSummary, PhaseResult};
use crate::text::{count, number};

/// Headings of [`rows`]; the first has no name.
pub(super) const HEADINGS: [&str; 8] = ["", "n", "mean", "min", "p50", "p90", "p99", "max"];

/// Lengths asked for and lengths that came, of prompts and of answers; empty where nothing was asked for
/// or nobody counted.
pub(super) fn rows(p: &PhaseResult) -> Vec<[String; 8]> {
    let cells = |name: String, n: u64, of: &LengthSummary| {
        let [mean, min, p50, p90, p99, max] = [of.mean, of.min, of.p50, of.p90, of.p99, of.max]
            .map(|tokens| number(Some(tokens), Unit::Tokens));
        [name, count(n), mean, min, p50, p90, p99, max]
    };
    kinds(p)
        .flat_map(|(what, sum)| {
            let asked = sum.asked_lengths.as_ref();
            let got = sum.got_lengths.as_ref();
            let (Some(asked), Some(got)) = (asked, got) else {
                return Vec::new();
            };
            let about = if sum.estimated { ", estimated" } else { "" };
            vec![
                cells(format!("{what} asked{about}"), sum.n, asked),
                cells(format!("{what} got"), sum.n, got),
            ]
        })
        .collect()
}

/// Tokens asked for against tokens counted in words, a line for prompts and one for answers: how many
/// differ, which way, and how those answers ended.
pub(super) fn lines(p: &PhaseResult) -> Vec<String> {
    kinds(p).map(|(what, sum)| line(what, sum)).collect()
}

/// The same in one line, where something differs.
pub(super) fn differences(p: &PhaseResult) -> Option<String> {
    let some: Vec<String> = kinds(p)
        .filter(|(_, sum)| sum.differ > 0)
        .map(|(what, sum)| line(what, sum))
        .collect();
    (!some.is_empty()).then(|| some.join("; "))
}

fn kinds(p: &PhaseResult) -> impl Iterator<Item = (&'static str, &AskedAndGot)> {
    let input = p.tokens.input.as_ref().map(|sum| ("prompts", sum));
    let output = p.tokens.output.as_ref().map(|sum| ("answers", sum));
    input.into_iter().chain(output)
}

fn line(what: &str, sum: &AskedAndGot) -> String {
    if sum.differ == 0 {
        return format!("{what} {} tok as asked", count(sum.got));
    }
    let about = if sum.estimated { "about " } else { "" };
    let mut line = format!(
        "{what} {} tok of {about}{} asked",
        count(sum.got),
        count(sum.asked)
    );
    let of = count(sum.n);
    let (Some(shorter), Some(longer)) = (sum.shorter, sum.longer) else {
        line.push_str(&format!(" ({} of {of} differ)", count(sum.differ)));
        return line;
    };
    let reasons = |of: fn(&(u64, u64)) -> u64| {
        let ended = sum.endings.iter().filter_map(|e| {
            let n = of(&(e.shorter, e.longer));
            (n > 0).then(|| format!("{} `{}`", count(n), one_line(&e.finish)))
        });
        let ended: Vec<String> = ended.collect();
        match ended.is_empty() {
            true => String::new(),
            false => format!(" ({})", ended.join(", ")),
        }
    };
    let mut parts = Vec::new();
    if shorter > 0 {
        let why = reasons(|(shorter, _)| *shorter);
        parts.push(format!("{} of {of} shorter{why}", count(shorter)));
    }
    if longer > 0 {
        let why = reasons(|(_, longer)| *longer);
        parts.push(format!("{} of {of} longer{why}", count(longer)));
    }
    line.push_str(": ");
    line.push_str(&parts.join(", "));
    line
}
