use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::chunks::Chunk;
use super::request::{RequestRecord, TokenSource};

/// The text of an answer, kept because its server has not counted all of its tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerText {
    /// All of it, chunk after chunk.
    pub text: String,
    /// Where in it, in bytes, each chunk with output ends. Empty where that is not known.
    pub ends: Vec<usize>,
}

/// Says where in a text, in bytes, each of its tokens ends, in order; `None`: it cannot.
pub type CountTokens<'a> = &'a (dyn Fn(&str) -> Option<Vec<usize>> + Sync);

/// Texts whose tokens are to be counted once the run is over, in a file without a name: memory does not
/// grow with them, and nothing of what a server said is left behind.
#[derive(Debug)]
pub(super) struct Uncounted {
    file: BufWriter<File>,
    /// Number of texts.
    len: usize,
}

/// Texts that are in memory at a time.
const AT_A_TIME: usize = 1024;

impl Uncounted {
    /// In `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Uncounted {
            file: BufWriter::new(tempfile::tempfile_in(folder)?),
            len: 0,
        })
    }

    /// Keeps the text of the record that is the `index`-th.
    pub fn keep(&mut self, index: usize, answer: &AnswerText) -> io::Result<()> {
        let mut number = |n: usize| self.file.write_all(&(n as u64).to_le_bytes());
        number(index)?;
        number(answer.text.len())?;
        number(answer.ends.len())?;
        answer.ends.iter().try_for_each(|end| number(*end))?;
        self.file.write_all(answer.text.as_bytes())?;
        self.len += 1;
        Ok(())
    }

    /// Counts every text with `count`, on all cores, and writes what comes out into its record. How
    /// many records that changed.
    pub fn count(self, records: &mut [RequestRecord], count: CountTokens<'_>) -> io::Result<usize> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut left, mut changed) = (self.len, 0);
        while left > 0 {
            let some = (0..left.min(AT_A_TIME))
                .map(|_| read(&mut file))
                .collect::<io::Result<Vec<(usize, AnswerText)>>>()?;
            left -= some.len();
            let counted: Vec<Option<Vec<usize>>> = std::thread::scope(|scope| {
                let parts: Vec<_> = some
                    .chunks(some.len().div_ceil(threads))
                    .map(|part| {
                        let all = move || part.iter().map(|(_, a)| count(&a.text)).collect();
                        scope.spawn::<_, Vec<_>>(all)
                    })
                    .collect();
                // A part that panicked has said so; what it would have counted stays as it was.
                let joined = parts
                    .into_iter()
                    .zip(some.chunks(some.len().div_ceil(threads)));
                joined
                    .flat_map(|(part, of)| part.join().unwrap_or_else(|_| vec![None; of.len()]))
                    .collect()
            });
            for ((index, answer), tokens) in some.iter().zip(counted) {
                if let (Some(record), Some(tokens)) = (records.get_mut(*index), tokens) {
                    apply(record, &answer.ends, &tokens);
                    changed += 1;
                }
            }
        }
        Ok(changed)
    }
}

fn read(file: &mut impl Read) -> io::Result<(usize, AnswerText)> {
    let mut number = || {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes)?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(io::Error::other)
    };
    let (index, bytes, chunks) = (number()?, number()?, number()?);
    let ends = (0..chunks).map(|_| number()).collect::<io::Result<_>>()?;
    let mut text = vec![0; bytes];
    file.read_exact(&mut text)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    Ok((index, AnswerText { text, ends }))
}

/// Writes into `record` what a tokenizer here counted: the total where the server gave none, and the
/// tokens of each chunk where `ends` tells them apart. A token belongs to the chunk that completes it, so
/// a chunk may have none.
fn apply(record: &mut RequestRecord, ends: &[usize], tokens: &[usize]) {
    if record.provenance.output != Some(TokenSource::Server) {
        record.output_tokens = Some(tokens.len() as u64);
        record.provenance.output = Some(TokenSource::Client);
    }
    if ends.is_empty() || ends.len() != record.chunks.len() {
        return;
    }
    let mut before = 0;
    let counted = record.chunks.iter().zip(ends).enumerate();
    let chunks: Vec<Chunk> = counted
        .map(|(i, (chunk, end))| {
            let last = i + 1 == ends.len();
            let until = match last {
                true => tokens.len(),
                false => tokens.partition_point(|token| token <= end),
            };
            let own = until.saturating_sub(before);
            before = before.max(until);
            Chunk {
                tokens: u32::try_from(own).ok(),
                ..chunk
            }
        })
        .collect();
    record.chunks = chunks.into();
    record.provenance.chunks = Some(TokenSource::Client);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Provenance;

    fn record(chunks: usize, server: Option<u64>) -> RequestRecord {
        let chunk = Chunk {
            gap_us: 7,
            tokens: None,
        };
        RequestRecord {
            chunks: vec![chunk; chunks].into(),
            output_tokens: server.or(Some(chunks as u64)),
            provenance: Provenance {
                output: Some(match server {
                    Some(_) => TokenSource::Server,
                    None => TokenSource::Chunks,
                }),
                ..Provenance::default()
            },
            ..RequestRecord::default()
        }
    }

    fn tokens(record: &RequestRecord) -> Vec<Option<u32>> {
        record.chunks.iter().map(|c| c.tokens).collect()
    }

    #[test]
    fn a_token_belongs_to_the_chunk_that_completes_it() {
        // Four chunks of "abc|de|f|ghij", tokens "ab|cdef|gh|ij".
        let mut of_client = record(4, None);
        apply(&mut of_client, &[3, 5, 6, 10], &[2, 6, 8, 10]);
        assert_eq!(tokens(&of_client), [1, 0, 1, 2].map(Some));
        assert_eq!(of_client.output_tokens, Some(4));
        assert_eq!(of_client.provenance.output, Some(TokenSource::Client));
        assert_eq!(of_client.provenance.chunks, Some(TokenSource::Client));

        // The server's own total stands, an end that the text does not show included.
        let mut of_server = record(4, Some(5));
        apply(&mut of_server, &[3, 5, 6, 10], &[2, 6, 8, 10]);
        assert_eq!(tokens(&of_server), [1, 0, 1, 2].map(Some));
        assert_eq!(of_server.output_tokens, Some(5));
        assert_eq!(of_server.provenance.output, Some(TokenSource::Server));
    }

    #[test]
    fn chunks_that_cannot_be_told_apart_are_not_counted() {
        for ends in [vec![], vec![10]] {
            let mut record = record(4, None);
            apply(&mut record, &ends, &[2, 6, 8, 10]);
            assert_eq!(tokens(&record), [None; 4]);
            assert_eq!(
                (record.output_tokens, record.provenance.chunks),
                (Some(4), None)
            );
        }
    }

    #[test]
    fn texts_come_back_from_the_disk_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = Uncounted::new(folder.path()).expect("a file");
        let n = 3 * AT_A_TIME + 5;
        let mut records: Vec<_> = (0..n).map(|_| record(2, None)).collect();
        // One in two is kept: so many letters as its number.
        for index in (0..n).step_by(2) {
            let text = "é".repeat(index);
            let ends = vec![0, text.len()];
            kept.keep(index, &AnswerText { text, ends }).expect("kept");
        }
        let names = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(names, 0, "the file has no name");
        let letters =
            |text: &str| Some(text.char_indices().map(|(i, c)| i + c.len_utf8()).collect());
        assert_eq!(
            kept.count(&mut records, &letters).expect("counted"),
            n.div_ceil(2)
        );
        for (i, record) in records.iter().enumerate() {
            let counted = i % 2 == 0;
            let expected = if counted { i as u64 } else { 2 };
            assert_eq!(record.output_tokens, Some(expected), "{i}");
            assert_eq!(record.provenance.chunks.is_some(), counted);
        }
    }
}
