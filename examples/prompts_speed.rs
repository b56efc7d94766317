//! How fast made-up prompts are made: 100,000 of 500 tokens, bodies included, on one core.
//!
//!     cargo run --release --example prompts_speed [-- tokenizer.json]
//!
//! Prints the time and the most memory that was in use, and fails past 20 s or 300 MiB.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use prony::endpoint::Protocol;
use prony::endpoint::openai::Chat;
use prony::suite::Length;
use prony::workload::{LocalTokenizer, Pieces, RequestSource, Synthetic, TokenModel};

const PROMPTS: u64 = 100_000;
const TOKENS: u32 = 500;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let tokenizer = match std::env::args().nth(1) {
        Some(file) => LocalTokenizer::from_path(Path::new(&file))?,
        None => LocalTokenizer::tiktoken("o200k_base").ok_or("no such vocabulary")?,
    };
    let began = Instant::now();
    let learned = futures_util::FutureExt::now_or_never(Pieces::learn(&tokenizer));
    let pieces = learned
        .ok_or("the tokenizer did not answer")?
        .map_err(|e| e.to_string())?;
    let learning = began.elapsed();
    let model = TokenModel {
        pieces,
        exact: true,
        ..TokenModel::assumed()
    };
    let (input, output) = (Length::Fixed(TOKENS), Length::Fixed(1));
    let source = Synthetic::new((0, 0), Some("s"), input, output, Arc::new(model));
    let protocol = Chat::new("m", true, &serde_json::Map::new());
    let began = Instant::now();
    let mut bytes = 0;
    for id in 0..PROMPTS {
        bytes += protocol.encode(&source.request(id)).len();
    }
    let took = began.elapsed().as_secs_f64();
    let memory = peak_mib();
    println!(
        "{}: {PROMPTS} prompts of {TOKENS} tokens in {took:.2} s ({:.0} prompts/s, {} MiB of bodies), learned in {:.0} ms, at most {memory:.0} MiB in memory",
        tokenizer.name(),
        PROMPTS as f64 / took,
        bytes >> 20,
        learning.as_secs_f64() * 1e3
    );
    let fine = took < 20.0 && memory < 300.0;
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The most memory that this process has had, in MiB; NaN where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
