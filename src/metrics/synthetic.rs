//! Records with a known truth, for tests of the metrics and of the judge.

use crate::record::{
    Chunk, ErrorKind, Part, Provenance, RequestError, RequestRecord, RunRecords, TokenSource,
    Window,
};

/// A second in µs.
pub const S: u64 = 1_000_000;
/// A millisecond in µs.
pub const MS: u64 = 1_000;

/// A successful streamed request of an open loop: due and sent at `at_us`, first token after
/// `ttft_us`, then `gaps` of `gap_us`, one token a chunk.
pub fn request(id: u64, at_us: u64, ttft_us: u64, gaps: usize, gap_us: u64) -> RequestRecord {
    let chunk = |gap_us| Chunk {
        gap_us,
        tokens: Some(1),
    };
    let rest = std::iter::repeat_n(chunk(gap_us), gaps);
    RequestRecord {
        id,
        case: "suite::case".into(),
        phase: "main".into(),
        due_us: Some(at_us),
        sent_us: Some(at_us),
        first_us: Some(at_us + ttft_us),
        end_us: Some(at_us + ttft_us + gaps as u64 * gap_us),
        status: Some(200),
        finish: Some("length".into()),
        input_tokens: Some(100),
        output_tokens: Some(gaps as u64 + 1),
        provenance: Provenance {
            input: Some(TokenSource::Server),
            output: Some(TokenSource::Server),
            chunks: None,
        },
        chunks: std::iter::once(chunk(0)).chain(rest).collect(),
        ..RequestRecord::default()
    }
}

/// `record` as it looks when it failed with `kind` at `end_us`, before any output.
pub fn failed(mut record: RequestRecord, kind: ErrorKind, end_us: u64) -> RequestRecord {
    record.chunks.clear();
    record.first_us = None;
    record.finish = None;
    record.output_tokens = None;
    record.input_tokens = None;
    record.provenance = Provenance::default();
    record.end_us = Some(end_us);
    record.error = Some(RequestError::new(
        kind,
        format!("{} on purpose", kind.name()),
    ));
    record
}

/// `record` outside the window.
pub fn in_part(mut record: RequestRecord, part: Part) -> RequestRecord {
    record.part = part;
    record
}

/// An open-loop run whose window is `start_us..end_us`.
pub fn run(start_us: u64, end_us: u64, records: Vec<RequestRecord>) -> RunRecords {
    RunRecords {
        session: 0,
        open_loop: true,
        window: Window { start_us, end_us },
        records,
        scrapes: Vec::new(),
        cache: None,
        stopped: None,
        beside: Vec::new(),
    }
}

/// The same in a closed loop: nothing is due.
pub fn closed(mut run: RunRecords) -> RunRecords {
    run.open_loop = false;
    for record in &mut run.records {
        record.due_us = None;
    }
    run
}

/// An open-loop run with one request every `every_us`, whose `i`-th takes `ttft_us(i)` and then ten
/// gaps of 1 ms; the window holds them all and little more.
pub fn steady(n: u64, every_us: u64, mut ttft_us: impl FnMut(u64) -> u64) -> RunRecords {
    let records = (0..n)
        .map(|i| request(i, i * every_us, ttft_us(i), 10, MS))
        .collect();
    run(0, n * every_us, records)
}
