use std::collections::BTreeMap;

/// One request before it is put into a protocol's words.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRequest {
    /// What is asked.
    pub prompt: Prompt,
    /// Prompt tokens aimed at, all that the server counts. Absent for prompts from files.
    pub input_tokens: Option<u32>,
    /// `input_tokens` is what a tokenizer counts, and no estimate.
    pub counted: bool,
    /// Output tokens asked for (`max_tokens`); absent: the server's own default.
    pub output_tokens: Option<u32>,
    /// Carried into the record's labels.
    pub labels: BTreeMap<String, String>,
}

/// The content of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Plain text: a completion prompt, or one user message.
    Text(String),
    /// OpenAI chat messages: a JSON array of `{role, content}` objects.
    Messages(serde_json::Value),
}
