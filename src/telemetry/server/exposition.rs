//! Prometheus' text format and OpenMetrics, as far as numbers go.
//!
//! What comes from a server is not trusted: whatever is malformed is left out and counted, nothing is
//! kept that nobody asked for, and what is kept is bounded.

/// Most samples kept of a page; the rest is left out.
const MOST_SAMPLES: usize = 100_000;
/// Most labels of a sample; one with more is left out.
const MOST_LABELS: usize = 64;

/// A line of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name, `_bucket`, `_total` and the like included.
    pub name: String,
    /// Its labels, in the order of the page.
    pub labels: Vec<(String, String)>,
    /// Its value; may be infinite or no number.
    pub value: f64,
}

impl Sample {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(key, _)| key == name);
        label.map(|(_, value)| value.as_str())
    }
}

/// What was read of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The samples that were wanted, in the order of the page.
    pub samples: Vec<Sample>,
    /// Lines that hold a sample, wanted or not.
    pub read: usize,
    /// Lines that could not be read.
    pub malformed: usize,
}

/// Reads `text`, keeping samples whose name is `wanted`.
pub fn parse(text: &str, wanted: impl Fn(&str) -> bool) -> Page {
    let mut page = Page::default();
    for line in text.split('\n') {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line == "# EOF" {
            break;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match sample(line, &wanted) {
            Some(found) => {
                page.read += 1;
                if page.samples.len() < MOST_SAMPLES {
                    page.samples.extend(found);
                }
            }
            None => page.malformed += 1,
        }
    }
    page
}

/// A sample; `Some(None)` is a good one that nobody wants, `None` a malformed line.
fn sample(line: &str, wanted: impl Fn(&str) -> bool) -> Option<Option<Sample>> {
    let end = line.find(['{', ' ', '\t'])?;
    let (mut name, rest) = (line[..end].to_owned(), &line[end..]);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => {
            let (quoted, labels, rest) = labels(inside)?;
            // Names with dots and the like stand in quotes, inside the braces.
            if let Some(quoted) = quoted {
                if !name.is_empty() {
                    return None;
                }
                name = quoted;
            }
            (labels, rest)
        }
        None => (Vec::new(), rest),
    };
    if name.is_empty() {
        return None;
    }
    // What follows the value is a time stamp or an exemplar.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(wanted(&name).then_some(Sample {
        name,
        labels,
        value,
    }))
}

type Labels<'a> = (Option<String>, Vec<(String, String)>, &'a str);

/// What follows a `{`: a name in quotes, if there is one, the labels, and what stands after the `}`.
fn labels(mut rest: &str) -> Option<Labels<'_>> {
    let mut name = None;
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((name, labels, after));
        }
        if rest.starts_with('"') {
            let (text, after) = quoted(rest)?;
            rest = after.trim_start();
            match rest.strip_prefix('=') {
                Some(after) => {
                    let (value, after) = quoted(after.trim_start())?;
                    labels.push((text, value));
                    rest = after;
                }
                None if name.is_none() && labels.is_empty() => name = Some(text),
                None => return None,
            }
        } else {
            let equals = rest.find('=')?;
            let key = rest[..equals].trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            if key.is_empty() || !key.chars().all(plain) {
                return None;
            }
            let (value, after) = quoted(rest[equals + 1..].trim_start())?;
            labels.push((key.to_owned(), value));
            rest = after;
        }
        if labels.len() > MOST_LABELS {
            return None;
        }
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if !rest.starts_with('}') {
            return None;
        }
    }
}

/// A text in quotes at the start of `rest`, its escapes resolved, and what follows it.
fn quoted(rest: &str) -> Option<(String, &str)> {
    let rest = rest.strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &rest[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => text.push('\n'),
                escaped @ ('\\' | '"') => text.push(escaped),
                // Not an escape: both characters are meant.
                other => {
                    text.push('\\');
                    text.push(other);
                }
            },
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<Sample> {
        parse(text, |_| true).samples
    }

    fn one(text: &str) -> Sample {
        let page = parse(text, |_| true);
        assert_eq!((page.samples.len(), page.malformed), (1, 0), "{text}");
        page.samples[0].clone()
    }

    #[test]
    fn samples_with_and_without_labels() {
        assert_eq!(one("up 1\n").value, 1.0);
        let sample = one("vllm:x_total{engine=\"0\", model_name=\"a b\",} 3.5e2 1395066363000");
        assert_eq!(sample.name, "vllm:x_total");
        assert_eq!(sample.label("engine"), Some("0"));
        assert_eq!(sample.label("model_name"), Some("a b"));
        assert_eq!(sample.label("none"), None);
        assert_eq!(sample.value, 350.0);
        assert_eq!(one("x{} 7\r\n").value, 7.0);
    }

    #[test]
    fn infinities_and_what_is_no_number() {
        assert_eq!(one("x +Inf").value, f64::INFINITY);
        assert_eq!(one("x -Inf").value, f64::NEG_INFINITY);
        assert!(one("x NaN").value.is_nan());
    }

    #[test]
    fn escapes_and_braces_inside_values() {
        let sample = one(r#"x{path="C:\\a\"}b",text="1\n2",odd="\d"} 1"#);
        assert_eq!(sample.label("path"), Some("C:\\a\"}b"));
        assert_eq!(sample.label("text"), Some("1\n2"));
        assert_eq!(sample.label("odd"), Some("\\d"));
    }

    #[test]
    fn open_metrics_ends_where_it_says_and_has_exemplars() {
        let page = all(
            "# TYPE x histogram\nx_bucket{le=\"1\"} 4 # {trace=\"}\"} 0.5 12.0\n# EOF\nx_count 9\n",
        );
        assert_eq!(page.len(), 1);
        assert_eq!(page[0].value, 4.0);
    }

    #[test]
    fn names_in_quotes() {
        let sample = one(r#"{"http.requests","a.b"="c",d="e"} 4"#);
        assert_eq!(sample.name, "http.requests");
        assert_eq!(sample.label("a.b"), Some("c"));
        assert_eq!(sample.label("d"), Some("e"));
    }

    #[test]
    fn what_is_malformed_costs_its_line_only() {
        let text = "<html>\nx{a=\"1} 2\nx{a=1} 2\nx{\"a\"=\"1\",\"b\"} 1\nx{a=\"1\"\nx one\nx\ny 1\n{} 3\nx{é=\"1\"} 2\n";
        let page = parse(text, |_| true);
        assert_eq!(page.samples.len(), 1);
        assert_eq!(page.samples[0].name, "y");
        assert_eq!(page.malformed, 9);
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        let page = parse("a 1\nb 2\nc 3\n", |name| name == "b");
        assert_eq!((page.samples.len(), page.read), (1, 3));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-z_:{}\"=\\\\,# \n0-9.é+-]{0,200}") {
            parse(&text, |_| true);
        }

        #[test]
        fn what_is_written_is_read(
            value in any::<f64>().prop_filter("a number", |x| !x.is_nan()),
            label in "\\PC{0,20}",
        ) {
            let escaped = label.replace('\\', "\\\\").replace('"', "\\\"");
            let read = one(&format!("name_total{{key=\"{escaped}\"}} {value:?}"));
            prop_assert_eq!(read.value, value);
            prop_assert_eq!(read.label("key"), Some(label.as_str()));
        }
    }
}
