//! `tokenizer:`: what counts tokens on the client's side.

use super::later::Place;
use super::model::{TIKTOKEN_NAMES, TokenizerChoice};
use super::names::nearest;
use super::reader::{Fields, Placed, Problems, list};
use super::target_setting::beside;
use super::yaml::Node;

const FORM: &str =
    "write `server`, `none`, `{ file: tokenizer.json }` or `{ tiktoken: o200k_base }`";

/// Choices that are a word.
pub(super) const WORDS: [&str; 3] = ["auto", "server", "none"];

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Placed<TokenizerChoice>> {
    if node.entries().is_none() {
        let text = problems.text_of(node)?;
        let choice = match text.value.as_str() {
            "auto" => TokenizerChoice::Auto,
            "server" => TokenizerChoice::Server,
            "none" => TokenizerChoice::None,
            other => {
                let help = if TIKTOKEN_NAMES.contains(&other) {
                    format!("write `{{ tiktoken: {other} }}`")
                } else if other.ends_with(".json") || other.contains('/') {
                    format!("write `{{ file: \"{other}\" }}`; names of a hub are not looked up")
                } else {
                    FORM.to_owned()
                };
                problems.add(text.span(), format!("`{other}` is not a tokenizer"), help);
                return None;
            }
        };
        return Some(problems.placed(choice, node.span));
    }
    let mut fields = Fields::of(node, "tokenizer: { file: tokenizer.json }", problems)?;
    let file = fields.entry("file");
    let tiktoken = fields.entry("tiktoken");
    let meant = fields.finish(Place::Other, problems);
    match (file, tiktoken) {
        (Some(_), Some(entry)) => {
            problems.add(
                entry.key_span,
                "one tokenizer has to do",
                "keep one of the two",
            );
            None
        }
        (Some(entry), None) => {
            let path = problems.text_of(&entry.value)?;
            let choice = TokenizerChoice::File {
                path: beside(&path.location.file, &path.value),
                location: path.location.clone(),
            };
            Some(problems.placed(choice, node.span))
        }
        (None, Some(entry)) => {
            let text = problems.text_of(&entry.value)?;
            let Some(name) = TIKTOKEN_NAMES.iter().find(|name| **name == text.value) else {
                let help = nearest(&text.value, TIKTOKEN_NAMES).map_or_else(
                    || format!("one of {}", list(&TIKTOKEN_NAMES)),
                    |name| format!("did you mean `{name}`?"),
                );
                problems.add(
                    text.span(),
                    format!("there is no vocabulary `{}`", text.value),
                    help,
                );
                return None;
            };
            Some(problems.placed(TokenizerChoice::Tiktoken(name), node.span))
        }
        (None, None) => {
            // A key that is not known is a problem already.
            if meant.is_empty() && node.entries().is_some_and(<[_]>::is_empty) {
                problems.add(node.span, "this tokenizer is not named", FORM);
            }
            None
        }
    }
}
