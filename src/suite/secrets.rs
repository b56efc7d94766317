//! What must not be shown: everything under `headers` and `auth`, and what `secrets:` names.

use super::interpolate::{Env, expand};
use super::later::Place;
use super::model::Secret;
use super::reader::{Fields, Problems};
use super::yaml::Node;

/// Shortest value of a header that is looked for in outputs: `X-Team: ml` must not turn every
/// `html` into `ht${TEAM}`. The header itself is never shown, however short.
pub(super) const SHORTEST: usize = 6;

/// Shown for a value that is written out in the suite.
pub(super) const MASK: &str = "***";

/// A header and what must not be shown of it.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub name: String,
    pub secret: Secret,
    /// Variables with their values; a value written out has the name of its header.
    parts: Vec<(String, String)>,
}

/// The headers of a `headers:` mapping.
pub(super) fn headers(node: &Node, env: Env<'_>, problems: &mut Problems) -> Vec<Header> {
    let Some(entries) = node.entries() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a mapping, found {what}"),
            "write it like `headers: { X-Team: \"${TEAM}\" }`",
        );
        return Vec::new();
    };
    let mut headers: Vec<Header> = Vec::new();
    for entry in entries {
        if let Some(first) = headers
            .iter()
            .find(|h| h.name.eq_ignore_ascii_case(&entry.key))
        {
            problems.add(
                entry.key_span,
                format!("the header `{}` stands here a second time", first.name),
                "the case of letters does not tell headers apart: keep one of the two",
            );
            continue;
        }
        if !is_header_name(&entry.key) {
            problems.add(
                entry.key_span,
                format!("`{}` is not the name of a header", entry.key),
                "names are letters, digits and `-`, as in `X-Request-Source`",
            );
            continue;
        }
        if matches!(
            entry.key.to_ascii_lowercase().as_str(),
            "content-length" | "content-type" | "host" | "transfer-encoding" | "connection"
        ) {
            problems.add(
                entry.key_span,
                format!("prony sets the header `{}` itself", entry.key),
                "leave it out",
            );
            continue;
        }
        headers.extend(header(&entry.key, "", &entry.value, env, problems));
    }
    headers
}

/// `auth: { bearer: … }` as a header.
pub(super) fn auth(node: &Node, env: Env<'_>, problems: &mut Problems) -> Option<Header> {
    let mut fields = Fields::of(node, "auth: { bearer: \"${API_KEY}\" }", problems)?;
    let bearer = fields.take("bearer");
    if bearer.is_none() {
        problems.add(
            fields.span(),
            "`auth` has no `bearer`",
            "write `auth: { bearer: \"${API_KEY}\" }`; other schemes go under `headers:`",
        );
    }
    fields.finish(Place::Other, problems);
    header("Authorization", "Bearer ", bearer?, env, problems)
}

/// Puts `header` among `headers`, in place of one of that name in any case.
pub(super) fn set_header(headers: &mut Vec<Header>, header: Header) {
    headers.retain(|h| !h.name.eq_ignore_ascii_case(&header.name));
    headers.push(header);
}

fn header(
    name: &str,
    prefix: &str,
    node: &Node,
    env: Env<'_>,
    problems: &mut Problems,
) -> Option<Header> {
    let text = problems.text_of(node)?;
    let expanded = match expand(&text.value, env, &|_| true) {
        Ok(expanded) => expanded,
        Err(malformed) => {
            problems.add(node.span, malformed.message, malformed.help);
            return None;
        }
    };
    if expanded.text.chars().any(char::is_control) {
        let (message, help) = (
            "this header's value holds a line break or another control character",
            "a variable read from a file often ends in a line break: strip it",
        );
        problems.add(node.span, message, help);
        return None;
    }
    let has_variable = !expanded.used.is_empty() || !expanded.unset.is_empty();
    let shown = if has_variable {
        expanded.shown
    } else {
        MASK.to_owned()
    };
    let parts = if has_variable {
        expanded.used
    } else {
        vec![(
            name.to_ascii_uppercase().replace('-', "_"),
            expanded.text.clone(),
        )]
    };
    Some(Header {
        name: name.to_owned(),
        secret: Secret {
            shown: format!("{prefix}{shown}"),
            value: match expanded.unset.first() {
                Some(variable) => Err(variable.clone()),
                None => Ok(format!("{prefix}{}", expanded.text)),
            },
        },
        parts,
    })
}

impl Header {
    /// What must not be shown, as `(NAME, value)`.
    pub fn hidden(&self) -> Vec<(String, String)> {
        let mut hidden = Vec::new();
        for (name, value) in &self.parts {
            // `Authorization: Bearer KEY` written out: the key by itself is the secret.
            if self.name.eq_ignore_ascii_case("authorization")
                && let Some((scheme, key)) = value.split_once(' ')
                && scheme.chars().all(|c| c.is_ascii_alphanumeric())
            {
                hidden.push((name.clone(), key.trim().to_owned()));
            }
            hidden.push((name.clone(), value.clone()));
        }
        hidden.retain(|(_, value)| value.len() >= SHORTEST);
        hidden
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
