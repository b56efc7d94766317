//! How fast virtual time passes: an hour of 50 requests a second with 16 tokens each against the
//! embedded engine, and ten thousand requests in flight at once.
//!
//!     cargo run --release --example virtual_hour

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prony::driver::VirtualDriver;
use prony::endpoint::EngineTransport;
use prony::endpoint::openai::Completions;
use prony::load::{RunInputs, RunPlan, Signal, drive};
use prony::record::RequestRecord;
use prony::sim::{Face, SimConfig};
use prony::suite::{Arrivals, Length, Load, LoadShape, Timeouts};
use prony::workload::Synthetic;

fn main() {
    let hour = Duration::from_secs(3600);
    let rate = LoadShape::Rate {
        per_second: 50.0,
        arrivals: Arrivals::Poisson,
    };
    report("an hour of 50/s", &go(rate, hour, 16, serde_json::json!({})));
    let wide = serde_json::json!({"scheduler.max_num_seqs": 20_000, "kv.blocks": 1_000_000});
    let many = LoadShape::Concurrency(10_000);
    report("10,000 in flight", &go(many, Duration::from_secs(60), 16, wide));
}

struct Passed {
    wall: Duration,
    records: usize,
    failed: usize,
    tokens: u64,
}

fn go(shape: LoadShape, duration: Duration, tokens: u32, engine: serde_json::Value) -> Passed {
    let overrides = engine.as_object().cloned().unwrap_or_default();
    let config = SimConfig::resolve("", &overrides).unwrap_or_else(|e| panic!("{e}"));
    let driver = VirtualDriver::new();
    let records: Rc<RefCell<Vec<RequestRecord>>> = Rc::default();
    let sink = records.clone();
    let inputs = RunInputs {
        plan: RunPlan {
            case: "virtual::hour".to_owned(),
            phase: "main".to_owned(),
            run: 0,
            session: 0,
            load: Load {
                shape,
                max_concurrency: None,
            },
            requests: None,
            duration: Some(duration),
            warmup: Duration::ZERO,
            drain: Duration::from_secs(300),
            brief_drain: Duration::from_secs(2),
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                first_token: Duration::from_secs(120),
                total: Duration::from_secs(300),
            },
            seed: 0,
        },
        transport: EngineTransport::new(driver.clone(), Face::new(config, 0, 0)),
        protocol: Arc::new(Completions::new("prony-sim", true, &serde_json::Map::new())),
        source: Rc::new(Synthetic {
            seed: 0,
            run: 0,
            salt: None,
            input_tokens: Length::Fixed(64),
            output_tokens: Length::Fixed(tokens),
        }),
        sink: Box::new(move |record| sink.borrow_mut().push(record)),
        progress: Arc::default(),
        interrupt: Signal::new(),
    };
    let began = Instant::now();
    driver.block_on(drive(driver.clone(), inputs));
    let wall = began.elapsed();
    let records = records.borrow();
    Passed {
        wall,
        records: records.len(),
        failed: records.iter().filter(|r| !r.ok() && !r.cut()).count(),
        tokens: records.iter().filter_map(|r| r.output_tokens).sum(),
    }
}

fn report(name: &str, passed: &Passed) {
    println!(
        "{name}: {} requests ({} failed), {} tokens in {:.2} s of real time, {:.2} µs a token",
        passed.records,
        passed.failed,
        passed.tokens,
        passed.wall.as_secs_f64(),
        passed.wall.as_secs_f64() * 1e6 / passed.tokens as f64,
    );
}
