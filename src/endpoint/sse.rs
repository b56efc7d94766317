use memchr::{memchr, memchr2};

/// Most bytes in one line, and in the data of one event. Servers send a few hundred bytes an event;
/// log-probabilities make some tens of thousands.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// Whether the event bore the name `error`.
    pub error: bool,
}

/// A line, or the data of one event, longer than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Incremental decoder of `text/event-stream`, by the WHATWG HTML standard §9.2.6, on bytes.
///
/// An event inside one piece whose data is one line is handed on where it lies; only what is cut by
/// the end of a piece is copied. `id` and `retry` mean nothing here and are dropped, an event's name
/// matters only where it is `error`.
#[derive(Debug)]
pub struct SseDecoder {
    /// The line cut by the end of the last piece.
    line: Vec<u8>,
    /// Data lines of the event under way.
    data: Vec<u8>,
    /// Whether the event under way has a data line, be it empty.
    has_data: bool,
    error: bool,
    /// A carriage return ended the last piece: a line feed at the start of the next belongs to it.
    after_cr: bool,
    /// No line has been read yet, so that a byte order mark may stand here.
    at_start: bool,
    max: usize,
}

impl Default for SseDecoder {
    fn default() -> Self {
        SseDecoder::with_max(MAX_EVENT_BYTES)
    }
}

/// What a line is.
enum Line<'a> {
    /// Empty: the event is complete.
    Blank,
    Data(&'a [u8]),
    Name(&'a [u8]),
    /// A comment, or a field that means nothing here.
    Other,
}

impl SseDecoder {
    /// A decoder with another bound on lines and on the data of an event, in bytes.
    pub fn with_max(max: usize) -> Self {
        SseDecoder {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            error: false,
            after_cr: false,
            at_start: true,
            max,
        }
    }

    /// Takes the next piece and calls `on_event` for each event that it completes.
    ///
    /// # Errors
    /// `TooLong`, turned into `E`, or what `on_event` returns; the decoder is of no more use then.
    pub fn feed<E: From<TooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // The only data line so far of the event under way, while it lies in this piece.
        let mut lying: Option<&[u8]> = None;
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            // What nearly every event is: one line of data and a blank one, both in this piece.
            if let (Some(data), [b'\n', after @ ..]) = (head.strip_prefix(b"data: "), rest)
                && bytes[end] == b'\n'
                && self.is_between_events()
                && !data.is_empty()
                && head.len() <= self.max
            {
                on_event(SseEvent { data, error: false })?;
                bytes = after;
                continue;
            }
            let cr = bytes[end] == b'\r';
            bytes = match rest.first() {
                Some(b'\n') if cr => &rest[1..],
                None if cr => {
                    self.after_cr = true;
                    rest
                }
                _ => rest,
            };
            if self.line.len() + head.len() > self.max {
                return Err(TooLong.into());
            }
            let at_start = std::mem::take(&mut self.at_start);
            if self.line.is_empty() {
                match classify(head, at_start) {
                    Line::Data(data) if !self.has_data => {
                        self.has_data = true;
                        lying = Some(data);
                    }
                    Line::Data(data) => {
                        self.settle(lying.take());
                        self.append(data)?;
                    }
                    Line::Blank => self.dispatch(lying.take(), &mut on_event)?,
                    Line::Name(name) => self.error = name == b"error",
                    Line::Other => {}
                }
            } else {
                self.settle(lying.take());
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                match classify(&line, at_start) {
                    Line::Data(data) => self.append(data)?,
                    Line::Blank => self.dispatch(None, &mut on_event)?,
                    Line::Name(name) => self.error = name == b"error",
                    Line::Other => {}
                }
                line.clear();
                self.line = line;
            }
        }
        self.settle(lying);
        if self.line.len() + bytes.len() > self.max {
            return Err(TooLong.into());
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether nothing is known of an event under way, and no byte order mark can come.
    fn is_between_events(&self) -> bool {
        !self.has_data && !self.error && !self.at_start && self.line.is_empty()
    }

    /// The stream has ended. The standard drops an event that no blank line ends; here it is handed
    /// on, for the caller to judge whether it is whole: there are servers that end on `data: [DONE]`.
    ///
    /// # Errors
    /// As [`SseDecoder::feed`].
    pub fn finish<E: From<TooLong>>(
        &mut self,
        mut on_event: impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = std::mem::take(&mut self.line);
        match classify(&line, std::mem::take(&mut self.at_start)) {
            Line::Data(data) => self.append(data)?,
            Line::Name(name) => self.error = name == b"error",
            Line::Blank | Line::Other => {}
        }
        self.dispatch(None, &mut on_event)
    }

    /// Bytes held for what is not complete yet.
    pub fn held(&self) -> usize {
        self.line.len() + self.data.len()
    }

    /// Copies a data line that the piece, about to end, holds.
    fn settle(&mut self, lying: Option<&[u8]>) {
        if let Some(data) = lying {
            self.data.extend_from_slice(data);
        }
    }

    fn append(&mut self, data: &[u8]) -> Result<(), TooLong> {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        if self.data.len() + data.len() > self.max {
            return Err(TooLong);
        }
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn dispatch<E>(
        &mut self,
        lying: Option<&[u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let error = std::mem::take(&mut self.error);
        self.has_data = false;
        let data = lying.unwrap_or(&self.data);
        // The standard: an event without data is none.
        let result = if data.is_empty() {
            Ok(())
        } else {
            on_event(SseEvent { data, error })
        };
        self.data.clear();
        result
    }
}

fn classify(line: &[u8], at_start: bool) -> Line<'_> {
    let line = match line.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) if at_start => rest,
        _ => line,
    };
    if line.is_empty() {
        return Line::Blank;
    }
    if let Some(data) = line.strip_prefix(b"data: ") {
        return Line::Data(data);
    }
    let (field, value) = match memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, &[][..]),
    };
    match field {
        b"data" => Line::Data(value),
        b"event" => Line::Name(value),
        _ => Line::Other,
    }
}
