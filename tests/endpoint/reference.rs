//! Plain readings of whole inputs, to compare the incremental ones with.

/// An event of a stream: its data, and whether its name was `error`.
pub type Event = (Vec<u8>, bool);

/// `text/event-stream`, all of it at once: line ends made equal, then line by line by the standard;
/// what no blank line ends at the very end is handed on as an event.
pub fn sse(input: &[u8]) -> Vec<Event> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut text = Vec::new();
    for (i, &byte) in input.iter().enumerate() {
        match byte {
            b'\r' => text.push(b'\n'),
            b'\n' if i > 0 && input[i - 1] == b'\r' => {}
            other => text.push(other),
        }
    }
    let mut events = Vec::new();
    let (mut data, mut error): (Vec<&[u8]>, bool) = (Vec::new(), false);
    // One blank line more at the end ends an event that nothing else ends.
    let closed = [&text[..], b"\n\n"].concat();
    for line in closed.split(|b| *b == b'\n') {
        if line.is_empty() {
            let joined = data.join(&b"\n"[..]);
            if !joined.is_empty() {
                events.push((joined, error));
            }
            (data, error) = (Vec::new(), false);
            continue;
        }
        let (name, value) = match line.iter().position(|b| *b == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => data.push(value),
            b"event" => error = value == b"error",
            _ => {}
        }
    }
    events
}

/// One recorded response.
pub struct Response {
    /// As it was on the wire, head and chunked framing included.
    pub raw: Vec<u8>,
    /// The body, framing taken off.
    pub body: Vec<u8>,
    /// Whether the body is an event stream.
    pub stream: bool,
}

/// The responses in a recording of `curl -i --raw`; a recording without a head is one stream.
pub fn responses(recording: &[u8]) -> Vec<Response> {
    let mut found = Vec::new();
    if !recording.starts_with(b"HTTP/1.1 ") {
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        return vec![Response {
            raw: [&head[..], recording].concat(),
            body: recording.to_vec(),
            stream: true,
        }];
    }
    let mut rest = recording;
    while let Some(start) = find(rest, b"HTTP/1.1 ") {
        rest = &rest[start..];
        let body_at = find(rest, b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&rest[..body_at]).to_lowercase();
        let (body, end) = if head.contains("transfer-encoding: chunked") {
            unchunk(rest, body_at)
        } else {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let end = body_at + length.unwrap().trim().parse::<usize>().unwrap();
            (rest[body_at..end].to_vec(), end)
        };
        found.push(Response {
            raw: rest[..end].to_vec(),
            body,
            stream: head.contains("text/event-stream"),
        });
        rest = &rest[end..];
    }
    found
}

fn unchunk(bytes: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    loop {
        let line = find(&bytes[at..], b"\r\n").unwrap();
        let size = std::str::from_utf8(&bytes[at..at + line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        at += line + 2;
        body.extend_from_slice(&bytes[at..at + size]);
        at += size + 2;
        if size == 0 {
            return (body, at);
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// Captures by file name, in order, as far as they hold answers to requests.
pub fn captures() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let answer = ["chat", "compl", "err", "cache", "abort.txt"]
                .iter()
                .any(|part| name.contains(part));
            let other = ["vllm-reset", "vllm-abort-test", "tokenize", "slots"]
                .iter()
                .any(|part| name.contains(part));
            (answer && !other).then(|| (name, std::fs::read(&path).unwrap()))
        })
        .collect();
    all.sort();
    all
}
