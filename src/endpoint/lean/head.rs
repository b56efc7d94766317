use std::io::Write;

use reqwest::header::HeaderMap;
use url::Url;

use super::chunked::ChunkedDecoder;
use crate::endpoint::{HttpSettings, SettingsError};

/// Most bytes in a response's head.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Most header fields in a response's head.
const MAX_FIELDS: usize = 128;

/// The head of every request to one target, all but its path and length.
pub(super) struct RequestHead {
    /// Path of the base, without a trailing slash.
    base: String,
    /// With its question mark, or empty.
    query: String,
    fields: Vec<u8>,
}

impl RequestHead {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, SettingsError> {
        let url = &settings.base_url;
        let headers = settings.header_map()?;
        let mut fields = Vec::new();
        if !headers.contains_key("host") {
            field(&mut fields, "host", host(url).as_bytes());
        }
        if !headers.contains_key("user-agent") {
            let agent = concat!("prony/", env!("CARGO_PKG_VERSION"));
            field(&mut fields, "user-agent", agent.as_bytes());
        }
        if !headers.contains_key("accept") {
            field(&mut fields, "accept", b"*/*");
        }
        field(&mut fields, "content-type", b"application/json");
        own_fields(&mut fields, &headers);
        fields.extend_from_slice(b"content-length: ");
        Ok(RequestHead {
            base: url.path().trim_end_matches('/').to_owned(),
            query: url.query().map_or(String::new(), |q| format!("?{q}")),
            fields,
        })
    }

    /// Writes the head of a request for `path` with a body of `length` bytes.
    pub(super) fn write(&self, path: &str, length: usize, out: &mut Vec<u8>) {
        out.clear();
        out.reserve(self.base.len() + path.len() + self.query.len() + self.fields.len() + 48);
        for part in ["POST ", &self.base, "/", path, &self.query, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(&self.fields);
        // Writing into memory cannot fail.
        let _ = write!(out, "{length}\r\n\r\n");
    }
}

/// `host` or `host:port`, as the `Host` field has it.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The suite's own fields, but for those that say what the body is: those are prony's.
fn own_fields(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if !["content-type", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            field(out, name.as_str(), value.as_bytes());
        }
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) framing: Framing,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
    bytes: Vec<u8>,
}

/// How a body's end is told (RFC 9112 §6.3).
#[derive(Debug)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// Why bytes are no head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadHead {
    TooLarge,
    Malformed(String),
}

/// Reads a head at the beginning of `bytes`: with its length, or `None` where more must come.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(ResponseHead, usize)>, BadHead> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let end = match response.parse(bytes) {
        Ok(httparse::Status::Complete(end)) if end <= MAX_HEAD => end,
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooLarge),
        Err(error) => return Err(BadHead::Malformed(error.to_string())),
    };
    let status = response.code.unwrap_or_default();
    let mut keep_alive = response.version == Some(1);
    let mut length: Option<u64> = None;
    let mut coding: Option<bool> = None;
    for field in response.headers.iter() {
        let name = field.name;
        if name.eq_ignore_ascii_case("content-length") {
            // A list of equal lengths is one length; proxies write such.
            for value in list(field.value) {
                let value = number(value)
                    .ok_or_else(|| BadHead::Malformed("a content-length is no number".into()))?;
                if length.is_some_and(|before| before != value) {
                    let text = "two different content-lengths";
                    return Err(BadHead::Malformed(text.into()));
                }
                length = Some(value);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            for value in list(field.value) {
                coding = Some(value.eq_ignore_ascii_case(b"chunked"));
            }
        } else if name.eq_ignore_ascii_case("connection") {
            for value in list(field.value) {
                if value.eq_ignore_ascii_case(b"close") {
                    keep_alive = false;
                } else if value.eq_ignore_ascii_case(b"keep-alive") && response.version == Some(0) {
                    keep_alive = true;
                }
            }
        }
    }
    let framing = match (status, coding, length) {
        (100..200 | 204 | 304, _, _) => Framing::Length(0),
        (_, Some(true), _) => Framing::Chunked(ChunkedDecoder::new()),
        (_, Some(false), _) | (_, None, None) => Framing::UntilClose,
        (_, None, Some(length)) => Framing::Length(length),
    };
    if matches!(framing, Framing::UntilClose) || (coding.is_some() && length.is_some()) {
        keep_alive = false;
    }
    let head = ResponseHead {
        status,
        framing,
        keep_alive,
        bytes: bytes[..end].to_vec(),
    };
    Ok(Some((head, end)))
}

impl ResponseHead {
    /// The value of field `name`, where it is text.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(&self.bytes).ok()?;
        let field = response
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        let text = std::str::from_utf8(field.value).ok()?;
        text.is_ascii().then_some(text)
    }
}

/// The elements of a comma-separated value.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str, headers: &[(&str, &str)]) -> String {
        let mut settings = HttpSettings::new(url.parse().unwrap());
        settings.headers = headers
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        let mut out = Vec::new();
        let head = RequestHead::new(&settings).unwrap();
        head.write("chat/completions", 12, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_head() {
        let text = head(
            "http://[::1]:8000/v1/?key=a",
            &[("Authorization", "Bearer x")],
        );
        let agent = concat!("prony/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            text,
            format!(
                "POST /v1/chat/completions?key=a HTTP/1.1\r\nhost: [::1]:8000\r\nuser-agent: {agent}\r\n\
                 accept: */*\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n\
                 content-length: 12\r\n\r\n"
            )
        );
        assert!(head("http://a.example", &[]).contains("\r\nhost: a.example\r\n"));
    }

    #[test]
    fn the_suites_own_host_replaces_pronys_but_not_the_length() {
        let text = head(
            "http://10.0.0.1/v1",
            &[
                ("Host", "llm.internal"),
                ("Content-Length", "7"),
                ("User-Agent", "me"),
            ],
        );
        assert_eq!(text.matches("host: ").count(), 1);
        assert!(text.contains("host: llm.internal\r\n"));
        assert!(text.contains("user-agent: me\r\n"));
        assert!(!text.contains(": 7\r\n"));
    }

    fn parsed(fields: &str) -> ResponseHead {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\nrest");
        let (head, end) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(end, text.len() - 4);
        head
    }

    #[test]
    fn framing_and_keeping() {
        let chunked = parsed("Transfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n");
        assert!(matches!(chunked.framing, Framing::Chunked(_)) && chunked.keep_alive);
        assert_eq!(chunked.field("content-type"), Some("text/event-stream"));
        let length = parsed("content-length: 5, 5\r\nconnection: Close\r\n");
        assert!(matches!(length.framing, Framing::Length(5)) && !length.keep_alive);
        let both = parsed("content-length: 5\r\ntransfer-encoding: gzip, chunked\r\n");
        assert!(matches!(both.framing, Framing::Chunked(_)) && !both.keep_alive);
        let open = parsed("");
        assert!(matches!(open.framing, Framing::UntilClose) && !open.keep_alive);
        let (old, _) = parse(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n")
            .unwrap()
            .unwrap();
        assert!(!old.keep_alive);
        let (none, _) = parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert!(matches!(none.framing, Framing::Length(0)) && none.keep_alive);
    }

    #[test]
    fn what_is_no_head() {
        let bad = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(matches!(
            bad("SSH-2.0-OpenSSH_9.9\r\n"),
            BadHead::Malformed(_)
        ));
        for fields in [
            "content-length: 5\r\ncontent-length: 6",
            "content-length: +5",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert!(matches!(bad(&text), BadHead::Malformed(_)), "{fields}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(MAX_HEAD));
        assert_eq!(bad(&long), BadHead::TooLarge);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nx: y").unwrap().map(|_| ()), None);
    }
}
