use std::path::Path;

use tiktoken_rs::CoreBPE;
use tokenizers::Tokenizer;

use crate::suite::TIKTOKEN_NAMES;

/// Text → token ids, without the special tokens that a server puts around a prompt.
pub trait Tokenize {
    /// The tokens of `text`.
    ///
    /// # Errors
    /// Why it could not be told, in words.
    fn ids(&self, text: &str) -> impl Future<Output = Result<Vec<u32>, String>>;
}

/// A tokenizer that runs in this process; it never touches the network.
pub struct LocalTokenizer {
    inner: Inner,
    name: String,
}

enum Inner {
    HuggingFace(Box<Tokenizer>),
    Tiktoken(&'static CoreBPE),
}

impl std::fmt::Debug for LocalTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LocalTokenizer").field(&self.name).finish()
    }
}

impl LocalTokenizer {
    /// Reads Hugging Face's `tokenizer.json`, or the one in a folder.
    ///
    /// # Errors
    /// What is wrong with it and what to do, in words.
    pub fn from_path(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let file = if path.is_dir() {
            path.join("tokenizer.json")
        } else {
            path.to_owned()
        };
        let bytes = std::fs::read(&file).map_err(|e| {
            if path.is_dir() && e.kind() == std::io::ErrorKind::NotFound {
                format!(
                    "the folder {shown} holds no tokenizer.json; `AutoTokenizer.from_pretrained(…).save_pretrained(…)` of Python's transformers writes one"
                )
            } else {
                format!("cannot read {}: {e}", file.display())
            }
        })?;
        Self::from_json(&bytes, file.display().to_string())
    }

    /// Reads the content of a `tokenizer.json`; `name` is for people.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_json(bytes: &[u8], name: String) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(bytes)
            .map_err(|e| format!("{name} is no tokenizer.json that can be used: {e}"))?;
        // Both are about batches of a model's training; a prompt is counted as it stands.
        tokenizer.with_padding(None);
        let cut = tokenizer.with_truncation(None).map(|_| ());
        cut.map_err(|e| format!("{name} cannot be used: {e}"))?;
        Ok(LocalTokenizer {
            inner: Inner::HuggingFace(Box::new(tokenizer)),
            name,
        })
    }

    /// A vocabulary of OpenAI's that is part of prony; `None`: there is none of that name.
    pub fn tiktoken(name: &str) -> Option<Self> {
        let core = match name {
            "gpt2" | "r50k_base" => tiktoken_rs::r50k_base_singleton(),
            "p50k_base" => tiktoken_rs::p50k_base_singleton(),
            "cl100k_base" => tiktoken_rs::cl100k_base_singleton(),
            "o200k_base" => tiktoken_rs::o200k_base_singleton(),
            "o200k_harmony" => tiktoken_rs::o200k_harmony_singleton(),
            _ => return None,
        };
        debug_assert!(TIKTOKEN_NAMES.contains(&name));
        Some(LocalTokenizer {
            inner: Inner::Tiktoken(core),
            name: name.to_owned(),
        })
    }

    /// What it is called: its file, or the name of the vocabulary.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tokens of `text`, none of them special.
    ///
    /// # Errors
    /// When the tokenizer's own model fails on it, in words.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        match &self.inner {
            Inner::HuggingFace(tokenizer) => tokenizer
                .encode_fast(text, false)
                .map(|encoding| encoding.get_ids().to_vec())
                .map_err(|e| format!("{}: {e}", self.name)),
            Inner::Tiktoken(core) => Ok(core.encode_ordinary(text)),
        }
    }

    /// Where in `text`, in bytes, each of its tokens ends, in order. Tokens that are parts of one character
    /// end together.
    ///
    /// # Errors
    /// As [`LocalTokenizer::encode`].
    pub fn ends(&self, text: &str) -> Result<Vec<usize>, String> {
        match &self.inner {
            Inner::HuggingFace(tokenizer) => tokenizer
                .encode(text, false)
                .map(|encoding| encoding.get_offsets().iter().map(|(_, end)| *end).collect())
                .map_err(|e| format!("{}: {e}", self.name)),
            Inner::Tiktoken(core) => {
                let mut end = 0;
                let ids = core.encode_ordinary(text);
                ids.iter()
                    .map(|id| {
                        let bytes = core.decode_bytes(&[*id]);
                        end += bytes.map_err(|e| format!("{}: {e}", self.name))?.len();
                        Ok(text.ceil_char_boundary(end))
                    })
                    .collect()
            }
        }
    }

    /// Tokens that it puts before and after a prompt of plain text, such as a beginning of sequence.
    pub fn special_tokens(&self) -> (u32, u32) {
        let Inner::HuggingFace(tokenizer) = &self.inner else {
            return (0, 0);
        };
        let Ok(encoding) = tokenizer.encode("a", true) else {
            return (0, 0);
        };
        let mask = encoding.get_special_tokens_mask();
        let before = mask.iter().take_while(|m| **m == 1).count();
        let after = mask[before..].iter().filter(|m| **m == 1).count();
        (before as u32, after as u32)
    }
}

impl Tokenize for LocalTokenizer {
    async fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        self.encode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabularies_that_are_part_of_prony() {
        for name in TIKTOKEN_NAMES {
            let tokenizer = LocalTokenizer::tiktoken(name).expect(name);
            assert_eq!(
                tokenizer.encode("Hello world").map(|ids| ids.len()),
                Ok(2),
                "{name}"
            );
        }
        assert!(LocalTokenizer::tiktoken("cl200k_base").is_none());
    }

    #[test]
    fn what_is_no_tokenizer_says_so() {
        let error = LocalTokenizer::from_json(b"{}", "t.json".into()).expect_err("not one");
        assert!(error.starts_with("t.json is no tokenizer.json"), "{error}");
        let folder = tempfile::tempdir().expect("a folder");
        let error = LocalTokenizer::from_path(folder.path()).expect_err("empty");
        assert!(error.contains("holds no tokenizer.json"), "{error}");
    }
}
