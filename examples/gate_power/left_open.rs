//! What a run's own requests leave open of its metrics, by prony's own account of them.

use prony::judge::{JudgePhase, variance};
use prony::record::{Chunk, Part, RequestRecord, RunRecords, Window};
use prony::result::ClientHealth;

/// A request of a run: when it was due (ms), its time to first token, its gaps, and where it belongs.
pub struct Request {
    pub due: f64,
    pub ttft: f64,
    pub gaps: Vec<f64>,
    pub part: Part,
}

/// Relative variance by metric as written in suites; NaN where prony does not know.
pub fn left_open(requests: &[Request], open_loop: bool, metrics: &[&str]) -> Vec<f64> {
    let due = requests.iter().filter(|r| r.part == Part::Window);
    let due: Vec<u64> = due.map(|r| us(r.due)).collect();
    let (Some(&start_us), Some(&end_us)) = (due.first(), due.last()) else {
        return vec![f64::NAN; metrics.len()];
    };
    let runs = [RunRecords {
        session: 0,
        open_loop,
        window: Window { start_us, end_us },
        records: requests.iter().map(|r| record(r, open_loop)).collect(),
        scrapes: Vec::new(),
        cache: None,
        beside: Vec::new(),
        stopped: None,
    }];
    let phase = JudgePhase {
        name: "main",
        runs: &runs,
        health: &ClientHealth::default(),
        gpus: None,
        interrupted: false,
    };
    let known = variance(&[phase]);
    let of = |name: &&str| {
        let found = known.iter().find(|n| n.name() == *name);
        let sd = found.and_then(|n| n.sampling);
        sd.map_or(f64::NAN, |sd| sd * sd)
    };
    metrics.iter().map(of).collect()
}

fn us(ms: f64) -> u64 {
    (ms * 1e3) as u64
}

fn record(request: &Request, open_loop: bool) -> RequestRecord {
    let mut record = RequestRecord {
        part: request.part,
        due_us: open_loop.then(|| us(request.due)),
        sent_us: Some(us(request.due)),
        first_us: Some(us(request.due + request.ttft)),
        end_us: Some(us(request.due
            + request.ttft
            + request.gaps.iter().sum::<f64>())),
        status: Some(200),
        finish: Some("length".into()),
        output_tokens: Some(request.gaps.len() as u64 + 1),
        ..RequestRecord::default()
    };
    for gap in std::iter::once(&0.0).chain(&request.gaps) {
        record.chunks.push(Chunk {
            gap_us: us(*gap),
            tokens: Some(1),
        });
    }
    record
}
