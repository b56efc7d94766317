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

    /// Fields of a body that make answers as long as asked for: the model's own end is passed over.
    pub fn full_length(self) -> Map<String, Value> {
        match self {
            ServerKind::Other => Map::new(),
            _ => fields(json!({ "ignore_eos": true })),
        }
    }

    /// Fields of a body that make the server tell with every chunk how many tokens there are so far.
    pub fn chunk_counts(self) -> Map<String, Value> {
        match self {
            ServerKind::Vllm | ServerKind::Sglang | ServerKind::Prony => {
                fields(json!({ "stream_options": { "continuous_usage_stats": true } }))
            }
            ServerKind::LlamaCpp => fields(json!({ "timings_per_token": true })),
            ServerKind::Other => Map::new(),
        }
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
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
        assert!(ServerKind::Other.full_length().is_empty());
        assert!(ServerKind::Other.chunk_counts().is_empty());
    }
}
