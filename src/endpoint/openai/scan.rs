//! Recognises an event that differs from an earlier one of the same stream only where it may.
//!
//! The events of a stream are alike to the byte but for the text, the counts and the token ids. So the
//! first one is read by serde, and the places of those values in it are noted as *holes*. A later event
//! that has the same bytes around its holes, and in each hole a value of the same kind, written so that
//! no reader could object to it, is the same JSON with other values: what serde would make of it is
//! known without asking. Everything else goes to serde. Nothing is assumed about what servers send, so
//! the result equals serde's on every input (`tests/lean/scan.rs`).

use super::stream::Facts;
use crate::endpoint::Usage;

/// Longer events are not kept as patterns.
const MAX_PATTERN: usize = 4 << 10;
/// Patterns of one stream: several choices take turns.
const MAX_PATTERNS: usize = 4;
/// After so many patterns in a row that nothing matched, the stream is not of that kind.
const MAX_FUTILE: u32 = 8;
/// Most digits of a number in a hole: fewer than a float's 53 bits hold.
const MAX_DIGITS: usize = 15;
/// Deepest nesting that is looked into.
const MAX_DEPTH: u32 = 24;

/// The patterns of one stream.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    known: Vec<Pattern>,
    /// The one that matched last.
    last: usize,
    /// Patterns made since one matched.
    futile: u32,
}

/// An event with holes.
#[derive(Debug)]
struct Pattern {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
    facts: Facts,
    /// Tokens listed outside the hole for them.
    other_tokens: u64,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    start: usize,
    end: usize,
    kind: Kind,
}

/// What stands in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The inside of a string of output, not empty.
    Text,
    /// An array of integers, one per token.
    Ids,
    /// A count.
    Input,
    Output,
    Cached,
    /// An integer that means nothing here.
    Number,
}

impl Patterns {
    /// What `json` says, where it is like an event seen before.
    pub(super) fn recognise(&mut self, json: &[u8]) -> Option<Facts> {
        let n = self.known.len();
        for i in 0..n {
            let at = (self.last + i) % n;
            if let Some(facts) = self.known[at].read(json) {
                self.last = at;
                self.futile = 0;
                return Some(facts);
            }
        }
        None
    }

    /// Keeps `json`, of which serde made `facts`, as a pattern where others may be like it: with output
    /// and no end.
    pub(super) fn learn(&mut self, json: &[u8], facts: Facts) {
        if !facts.output || json.len() > MAX_PATTERN || self.futile >= MAX_FUTILE {
            return;
        }
        self.futile += 1;
        let Some(pattern) = Pattern::new(json, facts) else {
            return;
        };
        if self.known.len() < MAX_PATTERNS {
            self.known.push(pattern);
            self.last = self.known.len() - 1;
        } else {
            // The one whose turn is farthest away.
            self.last = (self.last + MAX_PATTERNS - 1) % MAX_PATTERNS;
            self.known[self.last] = pattern;
        }
    }
}

impl Pattern {
    fn new(json: &[u8], facts: Facts) -> Option<Self> {
        let mut finder = Finder {
            json,
            at: 0,
            holes: Vec::new(),
        };
        finder.value(Place::Answer, 0)?;
        let holes = finder.holes;
        if !holes.iter().any(|hole| hole.kind == Kind::Text) {
            return None;
        }
        let in_hole = holes.iter().find(|hole| hole.kind == Kind::Ids);
        let in_hole = in_hole.map_or(Some(0), |hole| {
            ids(&json[hole.start..]).map(|(_, tokens)| tokens)
        })?;
        Some(Pattern {
            other_tokens: facts.tokens.unwrap_or(0).checked_sub(in_hole)?,
            bytes: json.to_vec(),
            holes,
            facts,
        })
    }

    fn read(&self, json: &[u8]) -> Option<Facts> {
        let mut facts = self.facts;
        let mut rest = json;
        let mut from = 0;
        for hole in &self.holes {
            rest = rest.strip_prefix(&self.bytes[from..hole.start])?;
            from = hole.end;
            let used = match hole.kind {
                Kind::Text => text(rest)?,
                Kind::Ids => {
                    let (used, tokens) = ids(rest)?;
                    facts.tokens = Some(self.other_tokens + tokens);
                    used
                }
                Kind::Input | Kind::Output | Kind::Cached | Kind::Number => {
                    let (used, n) = integer(rest)?;
                    set(&mut facts.usage, hole.kind, n);
                    used
                }
            };
            rest = &rest[used..];
        }
        (rest == &self.bytes[from..]).then_some(facts)
    }
}

fn set(usage: &mut Usage, kind: Kind, n: u64) {
    match kind {
        Kind::Input => usage.input = Some(n),
        Kind::Output => usage.output = Some(n),
        Kind::Cached => usage.cached = Some(n),
        Kind::Text | Kind::Ids | Kind::Number => {}
    }
}

/// The length of the inside of a string up to its closing quote, where it is not empty and serde would
/// take it: known escapes, no control characters, UTF-8.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut ascii = true;
    loop {
        match *bytes.get(at)? {
            b'"' => break,
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let digits = bytes.get(at + 2..at + 6)?;
                    // Surrogates must come in pairs: for serde to judge.
                    let surrogate = matches!(digits[0], b'd' | b'D') && digits[1] > b'7';
                    if surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 6;
                }
                _ => return None,
            },
            0..0x20 => return None,
            byte => {
                ascii &= byte < 0x80;
                at += 1;
            }
        }
    }
    (at > 0 && (ascii || std::str::from_utf8(&bytes[..at]).is_ok())).then_some(at)
}

/// The length and value of an integer without sign.
fn integer(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut n = 0_u64;
    let mut at = 0;
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        n = n.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let leading_zero = at > 1 && bytes[0] == b'0';
    ((1..=MAX_DIGITS).contains(&at) && !leading_zero).then_some((at, n))
}

/// The length of an array of integers, and how many they are.
fn ids(bytes: &[u8]) -> Option<(usize, u64)> {
    if bytes.first()? != &b'[' {
        return None;
    }
    if bytes.get(1)? == &b']' {
        return Some((2, 0));
    }
    let (mut at, mut n) = (1, 0);
    loop {
        at += integer(&bytes[at..])?.0;
        n += 1;
        match bytes.get(at)? {
            b']' => return Some((at + 1, n)),
            b',' => at += 1,
            _ => return None,
        }
        if bytes.get(at)? == &b' ' {
            at += 1;
        }
    }
}

/// Walks JSON that serde has found valid, and notes holes in order.
struct Finder<'a> {
    json: &'a [u8],
    at: usize,
    holes: Vec<Hole>,
}

/// Where a value stands, as far as that matters.
#[derive(Clone, Copy)]
enum Place {
    Answer,
    Choices,
    Choice,
    Message,
    Usage,
    Details,
    Leaf(Kind),
    Other,
}

impl Place {
    /// Where the value of `key` in an object here stands.
    fn member(self, key: &[u8]) -> Place {
        match (self, key) {
            (Place::Answer, b"choices") => Place::Choices,
            (Place::Answer, b"usage") => Place::Usage,
            (Place::Answer, b"created") => Place::Leaf(Kind::Number),
            (Place::Choice, b"delta" | b"message") => Place::Message,
            (Place::Choice, b"text") => Place::Leaf(Kind::Text),
            (Place::Choice, b"token_ids") => Place::Leaf(Kind::Ids),
            (Place::Message, b"content" | b"reasoning" | b"reasoning_content" | b"refusal") => {
                Place::Leaf(Kind::Text)
            }
            (Place::Usage, b"prompt_tokens") => Place::Leaf(Kind::Input),
            (Place::Usage, b"completion_tokens") => Place::Leaf(Kind::Output),
            (Place::Usage, b"total_tokens") => Place::Leaf(Kind::Number),
            (Place::Usage, b"prompt_tokens_details") => Place::Details,
            (Place::Details, b"cached_tokens") => Place::Leaf(Kind::Cached),
            _ => Place::Other,
        }
    }

    /// Where an element of an array here stands.
    fn element(self) -> Place {
        match self {
            Place::Choices => Place::Choice,
            _ => Place::Other,
        }
    }
}

impl Finder<'_> {
    /// Passes a value; `None` where there is something this cannot follow.
    fn value(&mut self, place: Place, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        let rest = self.json.get(self.at..)?;
        match (rest.first()?, place) {
            (b'{', _) => self.object(place, depth),
            (b'[', Place::Leaf(Kind::Ids)) if !self.has(Kind::Ids) => match ids(rest) {
                Some((length, _)) => self.hole(Kind::Ids, length),
                None => self.array(Place::Other, depth),
            },
            (b'[', _) => self.array(place, depth),
            (b'"', _) => {
                let inside = self.string()?;
                let length = self.at - 1 - inside;
                if matches!(place, Place::Leaf(Kind::Text))
                    && !self.has(Kind::Text)
                    && text(&self.json[inside..]) == Some(length)
                {
                    self.holes.push(Hole {
                        start: inside,
                        end: inside + length,
                        kind: Kind::Text,
                    });
                }
                Some(())
            }
            (
                b'0'..=b'9',
                Place::Leaf(kind @ (Kind::Input | Kind::Output | Kind::Cached | Kind::Number)),
            ) => match integer(rest) {
                Some((length, _)) if !matches!(rest.get(length), Some(b'.' | b'e' | b'E')) => {
                    self.hole(kind, length)
                }
                _ => self.word(),
            },
            _ => self.word(),
        }
    }

    fn has(&self, kind: Kind) -> bool {
        self.holes.iter().any(|hole| hole.kind == kind)
    }

    fn hole(&mut self, kind: Kind, length: usize) -> Option<()> {
        self.holes.push(Hole {
            start: self.at,
            end: self.at + length,
            kind,
        });
        self.at += length;
        Some(())
    }

    fn object(&mut self, place: Place, depth: u32) -> Option<()> {
        self.at += 1;
        if self.next_is(b'}') {
            return Some(());
        }
        loop {
            self.blanks();
            let start = self.string()?;
            let key = &self.json[start..self.at - 1];
            // An escaped key may mean any name.
            if key.contains(&b'\\') {
                return None;
            }
            let member = place.member(key);
            if !self.next_is(b':') {
                return None;
            }
            self.value(member, depth + 1)?;
            if self.next_is(b'}') {
                return Some(());
            }
            if !self.next_is(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, place: Place, depth: u32) -> Option<()> {
        self.at += 1;
        if self.next_is(b']') {
            return Some(());
        }
        loop {
            self.value(place.element(), depth + 1)?;
            if self.next_is(b']') {
                return Some(());
            }
            if !self.next_is(b',') {
                return None;
            }
        }
    }

    /// Passes a string; where its inside begins.
    fn string(&mut self) -> Option<usize> {
        if self.json.get(self.at)? != &b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.json.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Some(start)
    }

    /// Passes a number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self
            .json
            .get(self.at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.json.get(self.at) {
            self.at += 1;
        }
    }

    /// Passes `byte` where it comes next.
    fn next_is(&mut self, byte: u8) -> bool {
        self.blanks();
        let is = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: Facts = Facts {
        usage: Usage {
            input: None,
            output: None,
            cached: None,
        },
        output: true,
        tokens: None,
    };

    fn learnt(json: &str, facts: Facts) -> Patterns {
        let mut patterns = Patterns::default();
        patterns.learn(json.as_bytes(), facts);
        patterns
    }

    #[test]
    fn other_text_is_recognised_and_other_bytes_are_not() {
        let mut known = learnt(
            r#"{"created":1,"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
            OUTPUT,
        );
        for same in ["b", " \\n", "\\\"", "h\u{e9}\u{1f642}", "\\u00e9", "}]}"] {
            let json = format!(
                r#"{{"created":20,"choices":[{{"delta":{{"content":"{same}"}},"finish_reason":null}}]}}"#
            );
            assert_eq!(known.recognise(json.as_bytes()), Some(OUTPUT), "{same}");
        }
        for other in ["", "\\x", "\\ud83d\\ude42", "a\u{1}", "\\", "\",\"x\":\""] {
            let json = format!(
                r#"{{"created":1,"choices":[{{"delta":{{"content":"{other}"}},"finish_reason":null}}]}}"#
            );
            assert_eq!(known.recognise(json.as_bytes()), None, "{other}");
        }
        let finish =
            r#"{"created":1,"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
        assert_eq!(known.recognise(finish.as_bytes()), None);
        let float = r#"{"created":1.5,"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#;
        assert_eq!(known.recognise(float.as_bytes()), None);
    }

    #[test]
    fn counts_and_ids_are_read() {
        let facts = Facts {
            usage: Usage {
                input: Some(5),
                output: Some(1),
                cached: None,
            },
            output: true,
            tokens: Some(1),
        };
        let mut known = learnt(
            r#"{"choices":[{"text":"a","token_ids":[7]}],"usage":{"prompt_tokens":5,"total_tokens":6,"completion_tokens":1}}"#,
            facts,
        );
        let next = r#"{"choices":[{"text":"bc","token_ids":[8, 90]}],"usage":{"prompt_tokens":5,"total_tokens":8,"completion_tokens":3}}"#;
        let read = known.recognise(next.as_bytes()).unwrap();
        assert_eq!((read.tokens, read.usage.output), (Some(2), Some(3)));
        for bad in ["[8,]", "[08]", "[-1]", "[8.5]", "null", "[8"] {
            let json = next.replace("[8, 90]", bad);
            assert_eq!(known.recognise(json.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn choices_that_take_turns_each_have_a_pattern() {
        let of = |i: u32, text: &str| format!(r#"{{"choices":[{{"index":{i},"text":"{text}"}}]}}"#);
        let mut known = Patterns::default();
        for i in 0..4 {
            known.learn(of(i, "a").as_bytes(), OUTPUT);
        }
        for i in [0, 3, 1, 2, 0] {
            assert_eq!(known.recognise(of(i, "b").as_bytes()), Some(OUTPUT), "{i}");
        }
    }

    #[test]
    fn a_stream_whose_events_are_never_alike_is_soon_left_alone() {
        let mut known = Patterns::default();
        for i in 0..100 {
            known.learn(
                format!(r#"{{"n":{i},"choices":[{{"text":"a"}}]}}"#).as_bytes(),
                OUTPUT,
            );
        }
        assert_eq!(known.futile, MAX_FUTILE);
        assert!(known.known.len() <= MAX_PATTERNS);
    }
}
