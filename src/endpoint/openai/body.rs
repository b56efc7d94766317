use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::endpoint::Beyond;
use crate::workload::PlannedRequest;

/// The body of a request, all but the prompt serialised once.
#[derive(Clone, Debug)]
pub(super) struct BodyTemplate {
    /// `"key":value,…` of everything that is the same in all requests, without braces.
    fixed: Vec<u8>,
    /// The suite has its own prompt, or wants none.
    own_prompt: bool,
    /// The suite has its own `max_tokens`, or wants none.
    own_max_tokens: bool,
    /// `min_tokens` goes with `max_tokens`.
    min_tokens: bool,
    /// Whether the answer will be streamed.
    pub(super) stream: bool,
}

impl BodyTemplate {
    /// `extra` is merged over prony's own fields, those that lie `beyond` the protocol among them, by the
    /// rules of JSON Merge Patch (RFC 7396): objects field by field, `null` removes. So
    /// `stream_options: {continuous_usage_stats: true}` keeps `include_usage`, and `max_tokens: null` takes
    /// the field out. `min_tokens` goes out with it, and where `extra` lets answers end by themselves.
    pub(super) fn new(
        prompt_key: &'static str,
        model: &str,
        stream: bool,
        beyond: &Beyond,
        extra: &Map<String, Value>,
    ) -> Self {
        let stream = match extra.get("stream") {
            None => stream,
            Some(value) => value.as_bool().unwrap_or(false),
        };
        let mut own = Map::new();
        own.insert("model".into(), model.into());
        own.insert("stream".into(), stream.into());
        if stream {
            own.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        merge(&mut own, &beyond.fields);
        if !stream {
            // Servers refuse options of a stream where there is none.
            own.shift_remove("stream_options");
        }
        merge(&mut own, extra);
        let mut fixed = Vec::new();
        for (key, value) in &own {
            if !fixed.is_empty() {
                fixed.push(b',');
            }
            write_json(&mut fixed, key);
            fixed.push(b':');
            write_json(&mut fixed, value);
        }
        BodyTemplate {
            fixed,
            own_prompt: extra.contains_key(prompt_key),
            own_max_tokens: extra.contains_key("max_tokens"),
            min_tokens: beyond.min_tokens
                && ["min_tokens", "max_tokens", "max_completion_tokens"]
                    .iter()
                    .all(|key| !extra.contains_key(*key))
                && extra.get("ignore_eos").is_none_or(|v| *v == true),
            stream,
        }
    }

    /// The body; `write_prompt` appends the prompt's key and value.
    pub(super) fn fill(
        &self,
        request: &PlannedRequest,
        room: usize,
        write_prompt: impl FnOnce(&mut Vec<u8>),
    ) -> Bytes {
        let mut body = Vec::with_capacity(self.fixed.len() + room + 64);
        body.push(b'{');
        body.extend_from_slice(&self.fixed);
        if !self.own_prompt {
            separate(&mut body);
            write_prompt(&mut body);
        }
        if let (Some(tokens), false) = (request.output_tokens, self.own_max_tokens) {
            separate(&mut body);
            body.extend_from_slice(b"\"max_tokens\":");
            write_json(&mut body, &tokens);
            if self.min_tokens {
                body.extend_from_slice(b",\"min_tokens\":");
                write_json(&mut body, &tokens);
            }
        }
        body.push(b'}');
        Bytes::from(body)
    }
}

fn separate(body: &mut Vec<u8>) {
    if body.last() != Some(&b'{') {
        body.push(b',');
    }
}

fn merge(own: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                own.shift_remove(key);
            }
            Value::Object(inner) => {
                let slot = own.entry(key).or_insert_with(|| Map::new().into());
                if !slot.is_object() {
                    *slot = Map::new().into();
                }
                if let Value::Object(slot) = slot {
                    merge(slot, inner);
                }
            }
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Appends `value` as JSON.
pub(super) fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Writing into memory cannot fail, and strings, numbers and JSON values can always be written.
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}
