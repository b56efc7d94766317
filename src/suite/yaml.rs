//! Text → a tree in which every scalar, key and collection knows its place.
//!
//! Built on the events of saphyr-parser, because serde_yaml keeps no positions and silently takes
//! the last of two equal keys.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::diagnostic::Diagnostic;
use super::source::{Location, SourceFile, Span};
use super::yaml_help;

/// How deep collections may lie in each other.
const MAX_DEPTH: usize = 64;
/// How many nodes a file may have after its aliases are replaced.
const MAX_NODES: usize = 50_000;
/// How many bytes of scalars a file may have after its aliases are replaced.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A value of a suite file and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: NodeValue,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A scalar: its text is what YAML makes of it, before it gets a type.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub text: String,
    /// The text with secret variables left as `${NAME}`; equal to `text` mostly.
    pub shown: String,
    /// Written without quotes, so that `5` is a number and `true` a boolean.
    pub plain: bool,
    /// Inside `[…]` or `{…}`.
    pub in_flow: bool,
    /// A variable in it could not be replaced.
    pub unset: bool,
}

/// A key of a mapping with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            NodeValue::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether nothing stands here (`key:` with no value, `~`, `null`).
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|s| {
            s.plain && matches!(s.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    /// What stands here, for a message.
    pub fn describe(&self) -> &'static str {
        match &self.value {
            NodeValue::Scalar(_) if self.is_null() => "nothing",
            NodeValue::Scalar(_) => "a single value",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }
}

/// Reads the one document of `file`.
pub(super) fn parse(file: &SourceFile) -> Result<Node, Diagnostic> {
    let places = Places::new(&file.text);
    let fail = |p: Problem| {
        let at = |span| Location {
            file: file.clone(),
            span,
        };
        let mut diagnostic = Diagnostic::new(p.message).at(at(p.span));
        diagnostic.help = p.help;
        diagnostic.related = p
            .related
            .map(|(span, text)| (at(span), text))
            .into_iter()
            .collect();
        diagnostic
    };
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(&file.text);
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| syntax_error(file, &places, &e))?;
        let span = places.span(&span);
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                return Err(fail(problem(
                    span,
                    "a second YAML document starts here",
                    "put each suite in a file of its own",
                )));
            }
        }
        builder.event(event, span, &file.text).map_err(fail)?;
    }
    builder.root.ok_or_else(|| {
        fail(problem(
            Span::default(),
            if file.text.trim().is_empty() {
                "the suite is empty"
            } else {
                "the suite holds nothing but comments"
            },
            "a suite needs `target:` and `scenarios:`",
        ))
    })
}

fn syntax_error(file: &SourceFile, places: &Places, error: &ScanError) -> Diagnostic {
    let at = places.byte(error.marker().index());
    let trap = yaml_help::explain(&file.text, at, error.info());
    Diagnostic {
        help: trap.help,
        ..Diagnostic::new(trap.message).at(Location {
            file: file.clone(),
            span: trap.span,
        })
    }
}

/// Character positions, which the parser counts in, to byte positions.
struct Places {
    /// Byte position of each character, and the text's length; empty for pure ASCII.
    bytes: Vec<usize>,
    length: usize,
}

impl Places {
    fn new(text: &str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Places {
            bytes,
            length: text.len(),
        }
    }

    fn byte(&self, index: usize) -> usize {
        if self.bytes.is_empty() {
            index.min(self.length)
        } else {
            self.bytes.get(index).copied().unwrap_or(self.length)
        }
    }

    fn span(&self, span: &saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        Span {
            start,
            end: self.byte(span.end.index()).max(start),
        }
    }
}

struct Problem {
    span: Span,
    message: String,
    help: Option<String>,
    related: Option<(Span, String)>,
}

fn problem(span: Span, message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem {
        span,
        message: message.into(),
        help: Some(help.into()),
        related: None,
    }
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    flow: bool,
    start: usize,
    /// Nodes and bytes that were there before it.
    before: (usize, usize),
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        seen: HashMap<String, Span>,
        key: Option<(String, Span)>,
    },
}

struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    nodes: usize,
    bytes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, text: &str) -> Result<(), Problem> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                self.count(1, value.len(), span)?;
                let node = Node {
                    value: NodeValue::Scalar(Scalar {
                        text: value.clone().into_owned(),
                        shown: value.into_owned(),
                        plain: style == ScalarStyle::Plain,
                        in_flow: self.open.iter().any(|o| o.flow),
                        unset: false,
                    }),
                    span: match style {
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => quoted(span, text),
                        _ => trimmed(span, text),
                    },
                };
                let bytes = node.scalar().map_or(0, |s| s.text.len());
                self.anchor(anchor, &node, 1, bytes);
                self.add(node)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                self.start(anchor, span, text, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                let items = Items::Mapping {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                self.start(anchor, span, text, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span, text),
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return Err(problem(
                        span,
                        "this alias stands inside what it refers to",
                        "an alias may only repeat something that is complete",
                    ));
                };
                let (nodes, bytes) = (anchored.nodes, anchored.bytes);
                if self.open.len() + anchored.depth > MAX_DEPTH {
                    return Err(too_deep(span));
                }
                self.count(nodes, bytes, span)?;
                let node = self.anchors[&anchor].node.clone();
                self.add(node)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, bytes: usize, span: Span) -> Result<(), Problem> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > MAX_NODES {
            return Err(problem(
                span,
                format!("the suite has more than {MAX_NODES} values, its aliases replaced"),
                "aliases of aliases multiply: write the values out, or use `defaults:`",
            ));
        }
        if self.bytes > MAX_BYTES {
            return Err(problem(
                span,
                format!(
                    "the suite has more than {} MiB of text, its aliases replaced",
                    MAX_BYTES >> 20
                ),
                "put prompts into a file of their own (`prompts: { type: file, path: … }`)",
            ));
        }
        Ok(())
    }

    fn anchor(&mut self, anchor: usize, node: &Node, nodes: usize, bytes: usize) {
        if anchor > 0 {
            let node = node.clone();
            let depth = depth(&node);
            self.anchors.insert(
                anchor,
                Anchored {
                    node,
                    nodes,
                    bytes,
                    depth,
                },
            );
        }
    }

    fn start(
        &mut self,
        anchor: usize,
        span: Span,
        text: &str,
        items: Items,
    ) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        let before = (self.nodes, self.bytes);
        self.count(1, 0, span)?;
        self.open.push(Open {
            anchor,
            flow: text[span.start..].starts_with(['[', '{']),
            start: span.start,
            before,
            items,
        });
        Ok(())
    }

    fn end(&mut self, span: Span, text: &str) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let end = if open.flow { span.end } else { span.start };
        let value = match open.items {
            Items::Sequence(nodes) => NodeValue::Sequence(nodes),
            Items::Mapping { entries, .. } => NodeValue::Mapping(entries),
        };
        let node = Node {
            value,
            span: trimmed(
                Span {
                    start: open.start,
                    end: end.max(open.start),
                },
                text,
            ),
        };
        let (nodes, bytes) = (self.nodes - open.before.0, self.bytes - open.before.1);
        self.anchor(open.anchor, &node, nodes, bytes);
        self.add(node)
    }

    fn add(&mut self, node: Node) -> Result<(), Problem> {
        match self.open.last_mut().map(|o| &mut o.items) {
            None => self.root = Some(node),
            Some(Items::Sequence(nodes)) => nodes.push(node),
            Some(Items::Mapping { entries, seen, key }) => match key.take() {
                Some((key, key_span)) => entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                }),
                None => *key = Some(checked_key(node, seen)?),
            },
        }
        Ok(())
    }
}

fn too_deep(span: Span) -> Problem {
    problem(
        span,
        format!("values lie more than {MAX_DEPTH} deep in each other"),
        "a suite needs six levels at most",
    )
}

/// How deep collections lie in each other in `node`.
fn depth(node: &Node) -> usize {
    let inside = match &node.value {
        NodeValue::Scalar(_) => return 0,
        NodeValue::Sequence(items) => items.iter().map(depth).max(),
        NodeValue::Mapping(entries) => entries.iter().map(|e| depth(&e.value)).max(),
    };
    1 + inside.unwrap_or(0)
}

fn checked_key(node: Node, seen: &mut HashMap<String, Span>) -> Result<(String, Span), Problem> {
    let span = node.span;
    let NodeValue::Scalar(scalar) = node.value else {
        return Err(problem(
            span,
            "a list or mapping cannot be a key",
            "if this was meant as text, put it in quotes",
        ));
    };
    if scalar.plain && scalar.text == "<<" {
        return Err(problem(
            span,
            "merge keys (`<<`) are no part of suites",
            "put what scenarios share under `defaults:`",
        ));
    }
    if let Some(first) = seen.insert(scalar.text.clone(), span) {
        return Err(Problem {
            span,
            message: format!("the key `{}` stands here a second time", scalar.text),
            help: Some("keep one of the two".into()),
            related: Some((first, "it stands here first".into())),
        });
    }
    Ok((scalar.text, span))
}

fn refuse_tag(tagged: bool, span: Span) -> Result<(), Problem> {
    if tagged {
        return Err(problem(
            span,
            "tags (`!name`) are no part of suites",
            "leave the tag out; put a value in quotes to make it text",
        ));
    }
    Ok(())
}

/// The quoted scalar that starts at `span`, from quote to quote: the parser's own end lies behind
/// a comment that follows.
fn quoted(span: Span, text: &str) -> Span {
    let bytes = &text.as_bytes()[span.start..span.end];
    let Some(quote @ (b'"' | b'\'')) = bytes.first().copied() else {
        return trimmed(span, text);
    };
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if quote == b'"' => i += 1,
            b'\'' if quote == b'\'' && bytes.get(i + 1) == Some(&b'\'') => i += 1,
            b if b == quote => {
                return Span {
                    start: span.start,
                    end: span.start + i + 1,
                };
            }
            _ => {}
        }
        i += 1;
    }
    trimmed(span, text)
}

/// `span` without the white space that block collections end with.
fn trimmed(span: Span, text: &str) -> Span {
    let kept = text[span.start..span.end].trim_end();
    Span {
        start: span.start,
        end: span.start + kept.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            path: "a.yaml".into(),
            text: text.into(),
        }
    }

    /// Every key and scalar of `text` as cut out of it by its place.
    fn cuts(text: &str) -> Vec<String> {
        fn walk(node: &Node, text: &str, out: &mut Vec<String>) {
            let cut = |span: Span| text[span.start..span.end].to_owned();
            match &node.value {
                NodeValue::Scalar(_) => out.push(cut(node.span)),
                NodeValue::Sequence(items) => items.iter().for_each(|n| walk(n, text, out)),
                NodeValue::Mapping(entries) => {
                    for entry in entries {
                        out.push(cut(entry.key_span));
                        walk(&entry.value, text, out);
                    }
                }
            }
        }
        let mut out = Vec::new();
        walk(&parse(&file(text)).unwrap(), text, &mut out);
        out
    }

    #[test]
    fn places_are_byte_ranges_of_what_is_written() {
        assert_eq!(
            cuts("ä: \"ö # ü\"   # 測試\nb: [ plain text , 'it''s' ]\nc:\n  - x # y\n"),
            ["ä", "\"ö # ü\"", "b", "plain text", "'it''s'", "c", "x"]
        );
        assert_eq!(cuts("a:\r\n  b: c\r\nd: e\r\n"), ["a", "b", "c", "d", "e"]);
        assert_eq!(cuts("a: >\n  one\n  two\nb: 1\n")[3], "1");
        assert_eq!(cuts("a:\nb:\n"), ["a", "", "b", ""]);
    }

    #[test]
    fn collections_end_with_their_last_line() {
        let text = "a:\n  - b: 1\n    c: 2\n\n# remark\nd: 3\n";
        let root = parse(&file(text)).unwrap();
        let list = &root.entries().unwrap()[0].value;
        let cut = &text[list.span.start..list.span.end];
        assert!(cut.starts_with("- b: 1\n    c: 2"), "{cut:?}");
        assert!(!cut.contains("d: 3"), "{cut:?}");
    }

    #[test]
    fn an_alias_repeats_what_it_refers_to() {
        let root = parse(&file("a: &x { k: 1 }\nb: *x\n")).unwrap();
        let entries = root.entries().unwrap();
        assert_eq!(entries[1].value.entries().unwrap()[0].key, "k");
    }

    #[test]
    fn aliases_do_not_lead_deeper_than_what_is_written() {
        let mut text = String::from("a0: &a0 [x]\n");
        for i in 1..80 {
            text += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
        }
        let refused = parse(&file(&text)).unwrap_err();
        assert!(refused.message.contains("deep"), "{refused}");
    }

    #[test]
    fn what_multiplies_is_bounded() {
        let mut scalars = format!("a: &a \"{}\"\n", "x".repeat(100_000));
        for i in 0..200 {
            scalars += &format!("b{i}: *a\n");
        }
        let mut deep = String::new();
        for i in 0..100 {
            deep += &format!("{}a:\n", "  ".repeat(i));
        }
        let many = "- 1\n".repeat(60_000);
        for text in [
            scalars,
            deep,
            many,
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
        ] {
            assert!(parse(&file(&text)).is_err(), "{}", &text[..40]);
        }
    }
}
