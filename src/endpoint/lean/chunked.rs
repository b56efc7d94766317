/// Takes the framing off a body with `transfer-encoding: chunked` (RFC 9112 §7.1), fed with pieces cut
/// anywhere. The data of a chunk is handed on where it lies; nothing is copied.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// What is left of the chunk's data, or the size read so far.
    left: u64,
    /// Digits of the size read so far.
    digits: u8,
    /// Bytes of extensions and trailers so far.
    extra: usize,
}

/// Most bytes in all extensions and trailers of one body: they mean nothing here, and a server must
/// not keep a client busy with them.
const MAX_EXTRA: usize = 16 << 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// Blanks after the size.
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line after the last chunk.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// What is not chunked framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadChunk(pub &'static str);

/// How far a piece went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the piece that belong to the body.
    pub consumed: usize,
    /// Whether the body has ended.
    pub done: bool,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and hands the data in it to `data`, chunk by chunk.
    ///
    /// # Errors
    /// When it is not chunked framing; what came before the error has been handed on.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Result<Decoded, BadChunk> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let rest = &bytes[at..];
                let n = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                data(&rest[..n]);
                self.left -= n as u64;
                at += n;
                if self.left == 0 {
                    self.state = State::DataCr;
                    // What nearly always follows, if the piece holds it.
                    if bytes[at..].starts_with(b"\r\n") {
                        at += 2;
                        self.state = State::Size;
                    }
                }
                continue;
            }
            if self.state == State::Size
                && self.digits == 0
                && let Some((size, length)) = whole_size(&bytes[at..])
            {
                self.left = size;
                self.state = State::Data;
                at += length;
                continue;
            }
            self.state = self.step(bytes[at])?;
            at += 1;
        }
        Ok(Decoded {
            consumed: at,
            done: self.state == State::Done,
        })
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        Ok(match (self.state, byte) {
            (State::Size, b'0'..=b'9') => self.digit(byte - b'0')?,
            (State::Size, b'a'..=b'f') => self.digit(byte - b'a' + 10)?,
            (State::Size, b'A'..=b'F') => self.digit(byte - b'A' + 10)?,
            (State::Size, _) if self.digits == 0 => {
                return Err(BadChunk("a chunk does not begin with its size"));
            }
            (State::Size | State::Blank, b' ' | b'\t') => self.more(State::Blank)?,
            (State::Size | State::Blank, b';') => self.more(State::Extension)?,
            (State::Size | State::Blank | State::Extension, b'\r') => State::SizeLf,
            (State::Size | State::Blank, _) => {
                return Err(BadChunk("a chunk's size is not a number"));
            }
            (State::Extension, b'\n') => {
                return Err(BadChunk("a chunk extension holds a line feed"));
            }
            (State::Extension, _) => self.more(State::Extension)?,
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                if self.left == 0 {
                    State::TrailerStart
                } else {
                    State::Data
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) => self.more(State::Trailer)?,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::Done,
            (State::SizeLf | State::TrailerLf | State::EndLf, _) => {
                return Err(BadChunk("a carriage return without a line feed"));
            }
            (State::DataCr | State::DataLf, _) => {
                return Err(BadChunk("a chunk is longer than its size"));
            }
            (State::Data | State::Done, _) => self.state,
        })
    }

    fn digit(&mut self, value: u8) -> Result<State, BadChunk> {
        if self.left >> 60 != 0 {
            return Err(BadChunk("a chunk's size is too large"));
        }
        self.left = self.left << 4 | u64::from(value);
        self.digits = 1;
        Ok(State::Size)
    }

    fn more(&mut self, next: State) -> Result<State, BadChunk> {
        self.extra += 1;
        if self.extra > MAX_EXTRA {
            return Err(BadChunk("chunk extensions and trailers are too long"));
        }
        Ok(next)
    }
}

/// The size of a chunk with data, and the length of its line, where the line is whole and plain:
/// what nearly every chunk begins with.
fn whole_size(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if size > 0 && bytes.get(at + 1) == Some(&b'\n') => return Some((size, at + 2)),
            _ => return None,
        };
        size = size << 4 | u64::from(digit);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data and whether the body ended, fed in pieces cut at `cuts`; what follows the body stays.
    fn read(wire: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, bool, usize), BadChunk> {
        let mut decoder = ChunkedDecoder::new();
        let mut body = Vec::new();
        let (mut from, mut used, mut done) = (0, 0, false);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (wire.len() + 1)).collect();
        cuts.push(wire.len());
        cuts.sort_unstable();
        for cut in cuts {
            let step = decoder.decode(&wire[from..cut], |d| body.extend_from_slice(d))?;
            used += step.consumed;
            done = step.done;
            from = cut;
        }
        Ok((body, done, used))
    }

    #[test]
    fn sizes_extensions_and_trailers() {
        let wire = b"5\r\nhello\r\nA;name=\"v\"\r\n, world 10\r\n00b \t;x\r\nabcdefghijk\r\n0\r\nx: y\r\nz: 1\r\n\r\nHTTP";
        let (body, done, used) = read(wire, &[]).unwrap();
        assert_eq!(body, b"hello, world 10abcdefghijk");
        assert!(done);
        assert_eq!(used, wire.len() - 4);
        for cut in 0..wire.len() {
            assert_eq!(read(wire, &[cut]).unwrap().0, body);
        }
        assert_eq!(read(b"0\r\n\r\n", &[]).unwrap(), (vec![], true, 5));
        assert!(!read(b"5\r\nhello\r\n", &[]).unwrap().1);
    }

    #[test]
    fn what_is_no_framing_is_refused() {
        for wire in [
            &b"banana\r\n"[..],
            b"\r\n",
            b"5x\r\n",
            b"5 5\r\n",
            b"5\n",
            b"5\rx",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\rx",
            b"5;a\n",
            b"10000000000000000\r\n",
            b"0\r\n\rx",
        ] {
            assert!(read(wire, &[]).is_err(), "{}", wire.escape_ascii());
        }
        let endless = [&b"1;"[..], &[b'a'; MAX_EXTRA + 1]].concat();
        assert!(read(&endless, &[]).is_err());
    }

    proptest! {
        #[test]
        fn every_cut_gives_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            upper in any::<bool>(),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                let size = if upper { format!("{:X}", chunk.len()) } else { format!("{:02x};e", chunk.len()) };
                wire.extend_from_slice(size.as_bytes());
                wire.extend_from_slice(b"\r\n");
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(read(&wire, &cuts), Ok((chunks.concat(), true, wire.len())));
        }

        #[test]
        fn arbitrary_bytes_end_alike_however_they_are_cut(
            wire in prop::collection::vec(prop::sample::select(&b"0123aF;\r\n \tx"[..]), 0..60),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
        ) {
            prop_assert_eq!(read(&wire, &cuts), read(&wire, &[]));
        }
    }
}
