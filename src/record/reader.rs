use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::request::RequestRecord;

/// Reads `requests.jsonl`. The last line may be torn, as a killed run leaves it: it is left out.
///
/// # Errors
/// When the file cannot be read, or a line before the last is not a record; the line is named.
pub fn read_records(path: &Path) -> io::Result<Vec<RequestRecord>> {
    let mut records = Vec::new();
    let mut torn: Option<(usize, serde_json::Error)> = None;
    for (i, line) in BufReader::new(File::open(path)?).split(b'\n').enumerate() {
        if let Some((line, error)) = torn.take() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}:{line}: {error}", path.display()),
            ));
        }
        match serde_json::from_slice(&line?) {
            Ok(record) => records.push(record),
            Err(error) => torn = Some((i + 1, error)),
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Part, Recorder};
    use super::*;

    fn record(id: u64) -> RequestRecord {
        RequestRecord {
            id,
            part: Part::Tail,
            chunks: vec![
                Chunk {
                    gap_us: 0,
                    tokens: Some(2),
                },
                Chunk {
                    gap_us: 9,
                    tokens: None,
                },
            ]
            .into(),
            ..RequestRecord::default()
        }
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_end_is_left_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("requests.jsonl");
        let recorder = Recorder::append(&path).expect("opens");
        let mut sink = recorder.sink();
        (0..3).for_each(|id| sink(record(id)));
        drop(sink);
        let recorded = recorder.finish();
        assert!(recorded.error.is_none());
        assert_eq!(read_records(&path).expect("reads"), recorded.records);

        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.starts_with(
            r#"{"id":0,"case":"","phase":"","run":0,"session":0,"part":"tail","chunks":[[0,2],[9]]}"#
        ));
        std::fs::write(&path, &text[..text.len() - 20]).expect("cut");
        assert_eq!(read_records(&path).expect("reads").len(), 2);
        std::fs::write(&path, text.replacen("id", "idea", 1)).expect("spoilt");
        let error = read_records(&path).expect_err("a broken line in the middle");
        assert!(error.to_string().contains("requests.jsonl:1: "));
    }
}
