//! `skip:` and `known_issue:`: cases that are not run, or whose failures are known.

use super::later::Place;
use super::model::KnownIssue;
use super::reader::{Fields, Placed, Problems};
use super::yaml::Node;

/// Longest reason, in characters: it stands in one line of a terminal.
const LONGEST_REASON: usize = 500;

/// `skip: why`, `skip: { reason: why }`, or `skip: false`, which takes back what a layer below says.
pub(super) fn skip(node: &Node, problems: &mut Problems) -> Option<Placed<Option<String>>> {
    if is_false(node) {
        return Some(problems.placed(None, node.span));
    }
    let help = "write `skip: needs two GPUs`; `skip: false` runs it after all";
    let reason = if node.entries().is_some() {
        let mut fields = Fields::of(node, "skip: { reason: needs two GPUs }", problems)?;
        let reason = fields.take("reason");
        let meant = fields.finish(Place::Other, problems);
        if reason.is_none() && !meant.contains(&"reason") {
            problems.add(node.span, "`skip` needs a reason", help);
        }
        reason?
    } else {
        node
    };
    let says_nothing = reason
        .scalar()
        .is_some_and(|s| s.plain && matches!(s.text.as_str(), "true" | "True" | "TRUE"));
    if says_nothing || reason.is_null() {
        problems.add(reason.span, "`skip` needs a reason", help);
        return None;
    }
    let text = problems.text_of(reason)?;
    let line: Vec<&str> = text.value.split_whitespace().collect();
    let line = line.join(" ");
    if line.is_empty() || line.chars().count() > LONGEST_REASON {
        problems.add(
            reason.span,
            format!("a reason is a text of at most {LONGEST_REASON} characters"),
            help,
        );
        return None;
    }
    Some(problems.placed(Some(line), node.span))
}

/// `known_issue: { url, until }`, or `known_issue: false`, which takes back what a layer below says.
pub(super) fn known_issue(
    node: &Node,
    problems: &mut Problems,
) -> Option<Placed<Option<KnownIssue>>> {
    const EXAMPLE: &str =
        "known_issue: { url: \"https://example.org/issues/1\", until: 2030-01-31 }";
    if is_false(node) {
        return Some(problems.placed(None, node.span));
    }
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let nodes = [fields.take("url"), fields.take("until")];
    let meant = fields.finish(Place::Other, problems);
    for (key, there) in ["url", "until"].into_iter().zip(nodes) {
        if there.is_none() && !meant.contains(&key) {
            problems.add(
                node.span,
                format!("a known issue needs `{key}`"),
                format!("write `{EXAMPLE}`"),
            );
        }
    }
    let [url, until] = nodes;
    let url = url
        .and_then(|node| problems.text_of(node))
        .and_then(|text| issue_url(&text, problems));
    let until = until
        .and_then(|node| problems.text_of(node))
        .and_then(|text| day(&text, problems));
    let issue = KnownIssue {
        url: url?,
        until: until?,
        location: problems.location(node.span),
    };
    Some(problems.placed(Some(issue), node.span))
}

fn issue_url(text: &Placed<String>, problems: &mut Problems) -> Option<String> {
    match url::Url::parse(&text.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Some(url.to_string())
        }
        _ => {
            problems.add(
                text.span(),
                format!("`{}` is not the address of an issue", text.value),
                "write where people can read about it: `https://…`",
            );
            None
        }
    }
}

fn day(text: &Placed<String>, problems: &mut Problems) -> Option<jiff::civil::Date> {
    let shape = text.value.len() == 10 && text.value.is_ascii();
    match text.value.parse() {
        Ok(day) if shape => Some(day),
        _ => {
            problems.add(
                text.span(),
                format!("`{}` is not a day", text.value),
                "write year, month and day: `2030-01-31`",
            );
            None
        }
    }
}

fn is_false(node: &Node) -> bool {
    node.scalar()
        .is_some_and(|s| s.plain && matches!(s.text.as_str(), "false" | "False" | "FALSE"))
}
