use std::collections::BTreeMap;

use rand::RngExt;

use super::request::{PlannedRequest, Prompt};
use super::seed::stream;
use crate::suite::Length;

/// Makes the requests of a run. A request is a function of its position alone, so that the order in
/// which slots become free changes nothing, and so that another thread can make it ahead of time.
pub trait RequestSource: Send + Sync {
    /// The request at position `id` of the run's schedule.
    fn request(&self, id: u64) -> PlannedRequest;
}

/// Prompts taken from a file, in its order or shuffled, again from the start when used up.
#[derive(Clone, Debug)]
pub struct FromFile {
    /// What the file holds; not empty.
    pub entries: std::sync::Arc<[FileEntry]>,
    /// Fixes the order and drawn lengths.
    pub seed: u64,
    /// Index of the run.
    pub run: u32,
    /// Draw the order from the seed.
    pub shuffle: bool,
    /// Stands at the start of every prompt.
    pub salt: Option<String>,
    /// Output tokens where an entry does not say.
    pub output_tokens: Option<Length>,
}

/// One prompt of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileEntry {
    /// The content.
    pub prompt: Prompt,
    /// Output tokens asked for.
    pub output_tokens: Option<u32>,
}

impl RequestSource for FromFile {
    fn request(&self, id: u64) -> PlannedRequest {
        let mut rng = stream(self.seed, &format!("file/{}", self.run), id);
        let n = self.entries.len() as u64;
        let index = if self.shuffle {
            let round = stream(self.seed, &format!("order/{}", self.run), id / n);
            permuted(id % n, n, round)
        } else {
            id % n
        };
        let entry = &self.entries[index as usize];
        let output_tokens = entry
            .output_tokens
            .or_else(|| self.output_tokens.as_ref().map(|l| l.draw(&mut rng)));
        PlannedRequest {
            prompt: self.salted(&entry.prompt),
            input_tokens: None,
            counted: false,
            output_tokens,
            labels: BTreeMap::new(),
        }
    }
}

impl FromFile {
    /// The salt goes before the text, or before the text of the first message that has some.
    fn salted(&self, prompt: &Prompt) -> Prompt {
        let (Some(salt), mut prompt) = (&self.salt, prompt.clone()) else {
            return prompt.clone();
        };
        match &mut prompt {
            Prompt::Text(text) => text.insert_str(0, &format!("{salt} ")),
            Prompt::Messages(messages) => {
                let first = messages.as_array_mut().into_iter().flatten().find_map(|m| {
                    match m.get_mut("content")? {
                        serde_json::Value::String(text) => Some(text),
                        _ => None,
                    }
                });
                if let Some(text) = first {
                    text.insert_str(0, &format!("{salt} "));
                }
            }
        }
        prompt
    }
}

/// Where `i` of `0..n` goes in a permutation drawn from `rng`, without storing it: a four-round
/// Feistel network over the next power of four, walked until it lands inside (Black & Rogaway,
/// *Ciphers with Arbitrary Finite Domains*, 2002).
fn permuted(i: u64, n: u64, mut rng: rand_chacha::ChaCha8Rng) -> u64 {
    let half_bits = (64 - (n.max(2) - 1).leading_zeros()).div_ceil(2);
    let mask = (1u64 << half_bits) - 1;
    let keys: [u64; 4] = std::array::from_fn(|_| rng.random());
    let mut x = i;
    loop {
        let (mut left, mut right) = (x >> half_bits, x & mask);
        for key in keys {
            // A multiply-and-fold as round function: any function of (right, key) gives a permutation.
            let mixed = (right ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (left, right) = (right, left ^ ((mixed >> 32) & mask));
        }
        x = (left << half_bits) | right;
        if x < n {
            return x;
        }
    }
}

/// What is wrong with a prompt file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptFileError {
    /// Line, from 1; absent when it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// How it must look.
    pub help: &'static str,
}

/// Reads the text of a prompt file: JSONL where the name ends in `.jsonl` or `.ndjson`, else a prompt
/// a line (empty lines left out).
///
/// # Errors
/// Says which line is wrong, and how a line must look.
pub fn parse_prompt_file(name: &str, text: &str) -> Result<Vec<FileEntry>, PromptFileError> {
    let jsonl = name.ends_with(".jsonl") || name.ends_with(".ndjson");
    let mut entries = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        entries.push(if jsonl {
            parse_json_line(line).map_err(|message| PromptFileError {
                line: Some(i + 1),
                message,
                help: FORM,
            })?
        } else {
            FileEntry {
                prompt: Prompt::Text(line.to_owned()),
                output_tokens: None,
            }
        });
    }
    if entries.is_empty() {
        return Err(PromptFileError {
            line: None,
            message: "this file holds no prompt".to_owned(),
            help: if jsonl { FORM } else { "write a prompt a line" },
        });
    }
    Ok(entries)
}

/// How a line of JSON must look.
const FORM: &str = r#"a line is {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}, with "output_tokens" if you like"#;

fn parse_json_line(line: &str) -> Result<FileEntry, String> {
    let mut value: serde_json::Value =
        serde_json::from_str(line).map_err(|e| format!("this line is not JSON: {e}"))?;
    let output_tokens = match value.get("output_tokens") {
        None | Some(serde_json::Value::Null) => None,
        Some(n) => Some(
            n.as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .filter(|&n| n > 0)
                .ok_or_else(|| format!("output_tokens must be a whole number above 0, not {n}"))?,
        ),
    };
    let prompt = match (
        value.get_mut("prompt").map(serde_json::Value::take),
        value.get_mut("messages").map(serde_json::Value::take),
    ) {
        (Some(serde_json::Value::String(text)), None) => Prompt::Text(text),
        (None, Some(messages)) if messages.as_array().is_some_and(|m| !m.is_empty()) => {
            Prompt::Messages(messages)
        }
        _ => return Err("this line holds neither one prompt nor messages".to_owned()),
    };
    Ok(FileEntry {
        prompt,
        output_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: &PlannedRequest) -> &str {
        match &request.prompt {
            Prompt::Text(text) => text,
            Prompt::Messages(_) => panic!("text expected"),
        }
    }

    #[test]
    fn a_shuffled_file_gives_every_entry_once_a_round() {
        for n in [1u64, 2, 3, 7, 64, 100] {
            let source = FromFile {
                entries: (0..n)
                    .map(|i| FileEntry {
                        prompt: Prompt::Text(i.to_string()),
                        output_tokens: None,
                    })
                    .collect(),
                seed: 3,
                run: 0,
                shuffle: true,
                salt: None,
                output_tokens: None,
            };
            for round in 0..2 {
                let mut seen: Vec<u64> = (round * n..(round + 1) * n)
                    .map(|id| text(&source.request(id)).parse().expect("a number"))
                    .collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn files_of_lines_and_of_json() {
        let entries = parse_prompt_file("p.txt", "hello\n\nworld\n").expect("two prompts");
        assert_eq!(entries.len(), 2);
        let json = r#"{"prompt": "hi", "output_tokens": 7}
{"messages": [{"role": "user", "content": "yo"}]}"#;
        let entries = parse_prompt_file("p.jsonl", json).expect("two prompts");
        assert_eq!(entries[0].output_tokens, Some(7));
        assert!(matches!(entries[1].prompt, Prompt::Messages(_)));
        let error = parse_prompt_file("p.jsonl", "{\"prompt\": \"a\"}\n{\"promt\": \"b\"}");
        assert!(error.is_err_and(|e| e.line == Some(2) && e.help.starts_with("a line is")));
        assert!(parse_prompt_file("p.txt", "\n").is_err());
    }
}
