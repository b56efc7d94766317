//! What prony does per token, per request and per verdict, on its own: `cargo bench --bench hot_path`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use prony::endpoint::ChunkedDecoder;
use prony::endpoint::openai::stream_decoder;
use prony::record::{Chunk, Recorder, RequestRecord};
use prony::stats::quantile;
use prony::suite::Arrivals;
use prony::workload::{Schedule, stream};

const TOKENS: usize = 1_000;

/// A stream of events; each with its own counts where `usage`.
fn events(usage: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for i in 0..TOKENS {
        let usage = match usage {
            true => format!(
                r#","usage":{{"prompt_tokens":12,"total_tokens":{},"completion_tokens":{}}}"#,
                i + 13,
                i + 1
            ),
            false => String::new(),
        };
        out.extend_from_slice(
            format!(
                "data: {{\"id\":\"chatcmpl-7c1d0e\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
                 \"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{i}\"}},\
                 \"logprobs\":null,\"finish_reason\":null}}]{usage}}}\n\n"
            )
            .as_bytes(),
        );
    }
    out
}

fn decoder(c: &mut Criterion) {
    let mut group = c.benchmark_group("decoder");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for (name, usage) in [("plain", false), ("usage in every event", true)] {
        let stream = events(usage);
        for (how, scan) in [("scan", true), ("serde", false)] {
            let mut out = Vec::new();
            group.bench_function(format!("{name}, {how}"), |b| {
                b.iter(|| {
                    let mut decoder = stream_decoder(scan);
                    for piece in stream.chunks(16 << 10) {
                        out.clear();
                        let _ = black_box(decoder.feed(black_box(piece), &mut out));
                    }
                });
            });
        }
    }
    group.finish();
}

fn chunked(c: &mut Criterion) {
    let mut wire = Vec::new();
    for _ in 0..TOKENS {
        wire.extend_from_slice(b"d0\r\n");
        wire.extend_from_slice(&[b'x'; 0xd0]);
        wire.extend_from_slice(b"\r\n");
    }
    let mut group = c.benchmark_group("chunked");
    group.throughput(Throughput::Elements(TOKENS as u64));
    group.bench_function("a token a chunk", |b| {
        b.iter(|| {
            let mut decoder = ChunkedDecoder::new();
            let mut bytes = 0;
            for piece in wire.chunks(16 << 10) {
                let _ = black_box(decoder.decode(black_box(piece), |data| bytes += data.len()));
            }
            bytes
        });
    });
    group.finish();
}

fn arrivals(c: &mut Criterion) {
    let mut group = c.benchmark_group("arrivals");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for (name, arrivals) in [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                Schedule::steady(200.0, arrivals, stream(1, "arrivals", 0))
                    .take(TOKENS)
                    .fold(0, |_, due| black_box(due))
            });
        });
    }
    group.finish();
}

fn recorder(c: &mut Criterion) {
    let record = RequestRecord {
        case: "suite::scenario".to_owned(),
        phase: "main".to_owned(),
        sent_us: Some(1),
        first_us: Some(50_001),
        chunks: vec![
            Chunk {
                gap_us: 10_007,
                tokens: None
            };
            TOKENS
        ]
        .into(),
        end_us: Some(10_050_001),
        ..RequestRecord::default()
    };
    let mut group = c.benchmark_group("recorder");
    group.throughput(Throughput::Elements(100 * TOKENS as u64));
    group.sample_size(20);
    group.bench_function("tokens to the disk", |b| {
        b.iter_batched(
            || (vec![record.clone(); 100], tempfile::NamedTempFile::new()),
            |(records, file)| {
                let recorder = file.and_then(|f| Recorder::append(f.path()));
                let recorder = recorder.unwrap_or_else(|e| panic!("{e}"));
                let mut sink = recorder.sink();
                records.into_iter().for_each(&mut sink);
                drop(sink);
                recorder.finish()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn quantiles(c: &mut Criterion) {
    let mut seed = 1_u64;
    let values: Vec<f64> = (0..100_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as f64
        })
        .collect();
    let mut group = c.benchmark_group("quantiles");
    group.throughput(Throughput::Elements(values.len() as u64));
    group.bench_function("sort and read five", |b| {
        b.iter_batched(
            || values.clone(),
            |mut values| {
                values.sort_by(f64::total_cmp);
                [0.5, 0.9, 0.95, 0.99, 0.999].map(|q| quantile(&values, q))
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, decoder, chunked, arrivals, recorder, quantiles);
criterion_main!(benches);
