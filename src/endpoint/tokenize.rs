//! `POST /tokenize`, in the forms of vLLM and SGLang, llama.cpp, TGI and the embedded engine.

use serde_json::{Value, json};

/// Asks for the tokens of `text`, with those that the server puts around a plain prompt or without.
///
/// Every server looks for its own fields and passes over the others': `prompt` (vLLM, SGLang, the
/// embedded engine), `content` (llama.cpp), `inputs` (TGI).
pub fn tokenize_text(model: &str, text: &str, special: bool) -> Value {
    json!({
        "model": model,
        "prompt": text,
        "content": text,
        "inputs": text,
        "add_special_tokens": special,
        "add_special": special,
        "parse_special": false,
    })
}

/// Asks for the tokens of a chat of one message, its template included (vLLM, the embedded engine).
pub fn tokenize_chat(model: &str, text: &str) -> Value {
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": text }],
        "add_generation_prompt": true,
    })
}

/// The tokens in an answer; `None`: it is none that is known.
pub fn token_ids(answer: &[u8]) -> Option<Vec<u32>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let list = match &answer {
        Value::Object(fields) => fields.get("tokens")?.as_array()?,
        // TGI: a list of tokens, in a list for a list of prompts.
        Value::Array(list) => match list.first() {
            Some(Value::Array(inner)) => inner,
            _ => list,
        },
        _ => return None,
    };
    list.iter()
        .map(|token| {
            let id = token.get("id").unwrap_or(token).as_u64()?;
            u32::try_from(id).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of a recorded answer.
    fn body(capture: &str) -> &[u8] {
        let at = capture.find("\r\n\r\n").expect("headers end") + 4;
        capture[at..].trim().as_bytes()
    }

    #[test]
    fn every_form_that_real_servers_answer_in() {
        let captures = [
            (
                include_str!("../../tests/captures/vllm-tokenize.txt"),
                vec![3966, 379, 3069],
            ),
            (
                include_str!("../../tests/captures/vllm-tokenize-chat.txt"),
                vec![1, 3, 3966, 379, 2, 4],
            ),
            (
                include_str!("../../tests/captures/router-pd-tokenize.txt"),
                vec![3588, 379],
            ),
            (
                include_str!("../../tests/captures/xllama-tokenize.txt"),
                vec![2, 9259, 1902],
            ),
        ];
        for (capture, expected) in captures {
            assert_eq!(token_ids(body(capture)), Some(expected));
        }
        let tgi = br#"[{"id":1,"text":"<s>","start":0,"stop":0},{"id":22172,"text":"hello"}]"#;
        assert_eq!(token_ids(tgi), Some(vec![1, 22172]));
        assert_eq!(token_ids(br#"{"tokens":[1,5]}"#), Some(vec![1, 5]));
    }

    #[test]
    fn what_is_no_list_of_tokens_is_none() {
        for answer in [
            "",
            "{}",
            "<html>",
            r#"{"tokens":["a"]}"#,
            r#"{"error":{}}"#,
            "3",
        ] {
            assert_eq!(token_ids(answer.as_bytes()), None, "{answer}");
        }
    }
}
