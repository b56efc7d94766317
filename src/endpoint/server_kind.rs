use serde_json::{Map, Value, json};

/// Servers whose own words beyond OpenAI's protocol are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerKind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's server.
    LlamaCpp,
    /// The embedded engine.
    Prony,
    /// Another one: nothing beyond the protocol is asked of it.
    #[default]
    Other,
}

impl ServerKind {
    /// By who owns the first model listed under `models`, and by the `server` header.
    pub fn of(owner: Option<&str>, server: Option<&str>) -> Self {
        match (owner, server) {
            (Some("vllm"), _) => ServerKind::Vllm,
            (Some("sglang"), _) => ServerKind::Sglang,
            (Some("llamacpp"), _) | (_, Some("llama.cpp")) => ServerKind::LlamaCpp,
            (Some("prony"), _) => ServerKind::Prony,
            _ => ServerKind::Other,
        }
    }

    /// What this server is asked beyond the protocol: to tell with every chunk how many tokens there are so
    /// far, and with `full_length` to make answers as long as asked for, past the model's own end.
    ///
    /// vLLM and SGLang would also list every token's number (`return_token_ids`). They are not asked to: the
    /// prompt's numbers would come back with the first chunk, whose arrival is being timed, and the running
    /// count tells the same. A suite that asks for the numbers is understood all the same.
    pub fn beyond(self, full_length: bool) -> Beyond {
        let counts = match self {
            ServerKind::Vllm | ServerKind::Sglang | ServerKind::Prony => {
                json!({ "stream_options": { "continuous_usage_stats": true } })
            }
            ServerKind::LlamaCpp => json!({ "timings_per_token": true }),
            ServerKind::Other => return Beyond::default(),
        };
        let mut fields = match counts {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        if full_length {
            fields.insert("ignore_eos".to_owned(), true.into());
        }
        Beyond {
            fields,
            // llama.cpp's server has no such field.
            min_tokens: full_length && self != ServerKind::LlamaCpp,
        }
    }
}

/// What a server is asked for beyond the protocol. Nothing, unless it is known to understand it: some refuse
/// fields that they do not know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beyond {
    /// Fields of every body.
    pub fields: Map<String, Value>,
    /// Also `min_tokens`, as many as `max_tokens`: past ends of the model that `ignore_eos` does not cover,
    /// such as the stop tokens of its chat template.
    pub min_tokens: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_their_list_of_models() {
        let of = ServerKind::of;
        assert_eq!(of(Some("vllm"), Some("uvicorn")), ServerKind::Vllm);
        assert_eq!(of(None, Some("llama.cpp")), ServerKind::LlamaCpp);
        assert_eq!(of(Some("openai"), None), ServerKind::Other);
        let nothing = Beyond::default();
        assert_eq!(ServerKind::Other.beyond(true), nothing);
        assert!(ServerKind::Sglang.beyond(true).min_tokens);
        assert!(!ServerKind::LlamaCpp.beyond(true).min_tokens);
        assert!(!ServerKind::Vllm.beyond(false).min_tokens);
    }
}
