//! The few fields of an answer that matter, read without building the rest.
//!
//! One set of types serves chat and completions, streamed or whole: a choice has its output in
//! `delta`, `message` or `text`. Counts and other side matter are read leniently (what is not a count
//! is unknown), the shape around them strictly.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A chunk of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub choices: Choices<'a>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub usage: UsageWire,
    #[serde(default, deserialize_with = "null_is_default")]
    pub timings: Timings,
    #[serde(default)]
    pub error: Option<IgnoredAny>,
    #[serde(default)]
    pub detail: Option<IgnoredAny>,
    #[serde(default, borrow)]
    pub object: Option<Label<'a>>,
}

impl Answer<'_> {
    /// Whether this reports a failure rather than a result: `error`, or without choices `detail`
    /// (FastAPI) or `object: error` (older vLLM).
    pub fn is_error(&self) -> bool {
        self.error.is_some()
            || (!self.choices.present
                && (self.detail.is_some()
                    || self
                        .object
                        .as_ref()
                        .is_some_and(|o| o.0.as_ref() == "error")))
    }
}

/// `usage`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UsageWire {
    #[serde(default)]
    pub prompt_tokens: Count,
    #[serde(default)]
    pub completion_tokens: Count,
    #[serde(default, deserialize_with = "null_is_default")]
    pub prompt_tokens_details: PromptDetails,
}

/// `usage.prompt_tokens_details`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default)]
    pub cached_tokens: Count,
}

/// llama.cpp's `timings`: the prompt is `cache_n` tokens from the cache and `prompt_n` processed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Timings {
    #[serde(default)]
    pub cache_n: Count,
    #[serde(default)]
    pub prompt_n: Count,
    #[serde(default)]
    pub predicted_n: Count,
}

/// What all choices of an answer say together.
#[derive(Debug, Default)]
pub(super) struct Choices<'a> {
    /// Whether there is at least one.
    pub present: bool,
    /// Whether one carries generated output.
    pub output: bool,
    /// Tokens in them, where `token_ids` tells.
    pub tokens: Option<u64>,
    /// The last finish reason.
    pub finish: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default, deserialize_with = "null_is_default")]
    delta: Message,
    #[serde(default, deserialize_with = "null_is_default")]
    message: Message,
    #[serde(default)]
    text: Filled,
    #[serde(default, borrow)]
    finish_reason: Option<Label<'a>>,
    #[serde(default)]
    token_ids: Length,
}

/// `delta` or `message`.
#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(default)]
    content: Filled,
    #[serde(default)]
    reasoning: Filled,
    #[serde(default)]
    reasoning_content: Filled,
    #[serde(default)]
    refusal: Filled,
    #[serde(default)]
    tool_calls: Filled,
    #[serde(default)]
    function_call: Filled,
}

impl Message {
    fn output(&self) -> bool {
        self.content.0
            || self.reasoning.0
            || self.reasoning_content.0
            || self.refusal.0
            || self.tool_calls.0
            || self.function_call.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fold<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fold<'a> {
            type Value = Choices<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of choices")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Choices::default();
                while let Some(choice) = seq.next_element::<Choice<'a>>()? {
                    all.present = true;
                    all.output |= choice.text.0 || choice.delta.output() || choice.message.output();
                    if let Some(n) = choice.token_ids.0 {
                        all.tokens = Some(all.tokens.unwrap_or(0) + n);
                    }
                    if let Some(Label(reason)) = choice.finish_reason
                        && !reason.is_empty()
                    {
                        all.finish = Some(reason);
                    }
                }
                Ok(all)
            }
        }
        d.deserialize_seq(Fold(std::marker::PhantomData))
    }
}

/// `null` where an object or array may stand is the same as nothing.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// A string, borrowed where it has no escapes.
#[derive(Debug)]
pub(super) struct Label<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Label<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Label<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Label(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Label(Cow::Owned(v.to_owned())))
            }
        }
        d.deserialize_str(Text)
    }
}

/// Whether something is there: a string, array or object that is not empty.
#[derive(Clone, Copy, Debug, Default)]
struct Filled(bool);

/// A token count: a whole number that is not negative. Anything else is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub Option<u64>);

/// The length of an array; unknown where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Length(Option<u64>);

/// Looks at a value of any type and keeps one thing about it.
trait Glance: Default {
    fn of_str(_: &str) -> Self {
        Self::default()
    }
    fn of_number(_: f64) -> Self {
        Self::default()
    }
    fn of_items(_: u64) -> Self {
        Self::default()
    }
}

impl Glance for Filled {
    fn of_str(s: &str) -> Self {
        Filled(!s.is_empty())
    }
    fn of_items(n: u64) -> Self {
        Filled(n > 0)
    }
}

impl Glance for Count {
    fn of_number(n: f64) -> Self {
        // Above 2^53 a float is not exact, and no count is that large.
        let whole = n >= 0.0 && n.fract() == 0.0 && n <= 9_007_199_254_740_992.0;
        Count(whole.then_some(n as u64))
    }
}

impl Glance for Length {
    fn of_items(n: u64) -> Self {
        Length(Some(n))
    }
}

struct GlanceVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Glance> Visitor<'de> for GlanceVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<T, E> {
        Ok(T::of_str(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<T, E> {
        Ok(T::of_number(v as f64))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<T, E> {
        Ok(T::of_number(v as f64))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<T, E> {
        Ok(T::of_number(v))
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let mut n = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            n += 1;
        }
        Ok(T::of_items(n))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut n = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            n += 1;
        }
        Ok(T::of_items(n))
    }
}

macro_rules! deserialize_glance {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any(GlanceVisitor(std::marker::PhantomData))
            }
        }
    )*};
}
deserialize_glance!(Filled, Count, Length);

/// The server's words in an error answer; `None` where `json` is not an object that says anything.
pub(crate) fn error_message(json: &[u8]) -> Option<String> {
    use serde_json::Value;
    fn words(value: &Value) -> Option<String> {
        match value {
            Value::String(s) if !s.is_empty() => Some(s.clone()),
            Value::Object(map) => {
                let text = ["message", "error", "detail", "msg"]
                    .iter()
                    .find_map(|key| words(map.get(*key)?));
                let class = ["type", "code"]
                    .iter()
                    .find_map(|key| match map.get(*key)? {
                        Value::String(s) => Some(s.clone()),
                        Value::Number(n) => Some(n.to_string()),
                        _ => None,
                    });
                text.or_else(|| class.map(|class| format!("an error of type {class}")))
            }
            // FastAPI's validation errors.
            Value::Array(items) => items.iter().find_map(words),
            _ => None,
        }
    }
    let value: Value = serde_json::from_slice(json).ok()?;
    let map = value.as_object()?;
    ["error", "detail", "message"]
        .iter()
        .find_map(|key| words(map.get(*key)?))
        .map(|text| one_line(&text))
}

/// `text` with every run of white space as one space: an error is one line wherever it is shown.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(512));
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Reads an answer. serde takes an array for a struct whose fields stand in order; here only an
/// object is one.
pub(super) fn parse(json: &[u8]) -> Result<Answer<'_>, serde_json::Error> {
    if json.trim_ascii_start().first() == Some(&b'[') {
        return Err(de::Error::custom("an array where an object belongs"));
    }
    serde_json::from_slice(json)
}
