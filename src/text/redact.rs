use std::borrow::Cow;

use memchr::memmem;

/// Replaces secret values by `${NAME}` wherever they occur in a text: as they are, as inside a JSON
/// string, and percent-encoded.
#[derive(Clone, Default)]
pub struct Redactor {
    patterns: Vec<Pattern>,
}

#[derive(Clone)]
struct Pattern {
    finder: memmem::Finder<'static>,
    shown: String,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.patterns.len())
    }
}

impl Redactor {
    /// From `(NAME, value)`; empty values are ignored.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(secrets: &[(N, V)]) -> Self {
        let mut forms: Vec<(String, String)> = Vec::new();
        for (name, value) in secrets {
            let shown = format!("${{{}}}", name.as_ref());
            for form in forms_of(value.as_ref()) {
                if !form.is_empty() && !forms.iter().any(|(known, _)| *known == form) {
                    forms.push((form, shown.clone()));
                }
            }
        }
        // Where occurrences overlap, the longest one gives the name.
        forms.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        Redactor {
            patterns: forms
                .into_iter()
                .map(|(form, shown)| Pattern {
                    finder: memmem::Finder::new(&form).into_owned(),
                    shown,
                })
                .collect(),
        }
    }

    /// `text` without secrets. Occurrences that overlap are replaced as one, so that no part of any
    /// of them is left.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        for (rank, pattern) in self.patterns.iter().enumerate() {
            let (needle, mut from) = (pattern.finder.needle().len(), 0);
            while let Some(at) = pattern.finder.find(&text.as_bytes()[from..]) {
                found.push((from + at, from + at + needle, rank));
                from += at + 1;
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut rest = found.into_iter().peekable();
        while let Some((start, mut end, mut rank)) = rest.next() {
            while let Some(&(_, next_end, next_rank)) = rest.peek().filter(|next| next.0 < end) {
                end = end.max(next_end);
                rank = rank.min(next_rank);
                rest.next();
            }
            out.push_str(&text[copied..start]);
            out.push_str(&self.patterns[rank].shown);
            copied = end;
        }
        out.push_str(&text[copied..]);
        Cow::Owned(out)
    }
}

/// The ways in which a value can stand in a log, a body or a URL.
fn forms_of(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut ascii = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    let upper = percent(value, |b| format!("%{b:02X}"));
    let lower = percent(value, |b| format!("%{b:02x}"));
    let form = upper.replace("%20", "+");
    vec![
        value.to_owned(),
        json.replace('/', "\\/"),
        json,
        ascii,
        upper,
        lower,
        form,
    ]
}

/// Percent-encoding of everything that RFC 3986 does not call unreserved.
fn percent(value: &str, encode: impl Fn(u8) -> String) -> String {
    value
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            b => encode(b),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Redactor;

    #[test]
    fn every_occurrence_goes() {
        let r = Redactor::new(&[("API_KEY", "sk-123")]);
        assert_eq!(r.apply("a sk-123 b sk-123"), "a ${API_KEY} b ${API_KEY}");
        assert_eq!(r.apply("nothing here"), "nothing here");
    }

    #[test]
    fn escaped_and_encoded_forms_go_too() {
        let r = Redactor::new(&[("KEY", "a\"b/é c")]);
        assert_eq!(r.apply(r#"{"k":"a\"b/é c"}"#), r#"{"k":"${KEY}"}"#);
        assert_eq!(r.apply(r#"{"k":"a\"b/\u00e9 c"}"#), r#"{"k":"${KEY}"}"#);
        assert_eq!(r.apply("?k=a%22b%2F%C3%A9%20c"), "?k=${KEY}");
        assert_eq!(r.apply("?k=a%22b%2f%c3%a9%20c"), "?k=${KEY}");
        assert_eq!(r.apply("?k=a%22b%2F%C3%A9+c"), "?k=${KEY}");
    }

    #[test]
    fn the_longest_secret_names_the_stretch() {
        let r = Redactor::new(&[("SHORT", "abc"), ("LONG", "abcdef"), ("EMPTY", "")]);
        assert_eq!(r.apply("abcdef abc"), "${LONG} ${SHORT}");
    }

    #[test]
    fn overlapping_secrets_leave_no_part() {
        let r = Redactor::new(&[("A", "xsec"), ("B", "secret")]);
        assert_eq!(r.apply("xsecret"), "${B}");
        let r = Redactor::new(&[("A", "aba")]);
        assert_eq!(r.apply("ababa!"), "${A}!");
    }

    #[test]
    fn its_own_debug_text_shows_nothing() {
        assert!(!format!("{:?}", Redactor::new(&[("K", "s3cret")])).contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            secrets in prop::collection::vec("[a-d]{1,4}", 1..4),
            text in "[a-e]{0,40}",
        ) {
            let named: Vec<_> = secrets.iter().enumerate().map(|(i, s)| (format!("S{i}"), s.clone())).collect();
            let clean = Redactor::new(&named).apply(&text).into_owned();
            for s in &secrets {
                prop_assert!(!clean.contains(s.as_str()), "{s} in {clean}");
            }
        }

        #[test]
        fn quotes_and_slashes_are_found_inside_json(secret in "[\"\\\\/a-z\\n\u{e9}\u{1F600}]{4,12}") {
            let r = Redactor::new(&[("S", &secret)]);
            let json = serde_json::json!({ "k": secret }).to_string();
            let clean = r.apply(&json).into_owned();
            // A secret that begins or ends with a quote can take the quote of the string around it
            // for its own, as it stands there just as it is; nothing else of the frame may go.
            let frames = [
                (r#"{"k":"${S}"}"#, true),
                (r#"{"k":${S}"}"#, secret.starts_with('"')),
                (r#"{"k":"${S}}"#, secret.ends_with('"')),
                (r#"{"k":${S}}"#, secret.starts_with('"') && secret.ends_with('"')),
            ];
            let allowed = frames.iter().any(|(frame, may)| *may && clean == *frame);
            prop_assert!(allowed, "{secret:?} in {json} became {clean}");
        }
    }
}
