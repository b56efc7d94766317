//! How fast virtual time passes: an hour of 50 requests a second with 16 tokens each against the
//! embedded engine, and ten thousand requests in flight at once. The exit code says whether both stay
//! within their bounds of time and memory.
//!
//!     cargo run --release --example virtual_hour

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prony::driver::VirtualDriver;
use prony::endpoint::EngineTransport;
use prony::endpoint::openai::Completions;
use prony::load::{RunInputs, RunPlan, Signal, drive};
use prony::record::{Part, RequestRecord};
use prony::sim::{Face, SimConfig};
use prony::suite::{Arrivals, Length, Load, LoadShape, Start, Timeouts};
use prony::workload::{Synthetic, TokenModel};

/// Processor time for the hour. The aim is 20 s; a busy or slow machine may take twice that.
const HOUR_S: f64 = 40.0;
/// Most memory ever held by ten thousand requests in flight.
const MEMORY_MIB: f64 = 1024.0;

fn main() -> ExitCode {
    // First, because what a process has ever held is all that the system tells of its memory.
    let wide = serde_json::json!({"scheduler.max_num_seqs": 20_000, "kv.blocks": 1_000_000});
    let many = go(
        LoadShape::Concurrency(10_000),
        Duration::from_secs(60),
        16,
        wide,
    );
    report("10,000 in flight", &many);
    let memory = usage().memory_mib;
    println!(
        "  at most {} in flight, {memory:.0} MiB held",
        many.in_flight
    );
    let rate = LoadShape::Rate {
        per_second: 50.0,
        arrivals: Arrivals::Poisson,
    };
    let hour = go(rate, Duration::from_secs(3600), 16, serde_json::json!({}));
    report("an hour of 50/s", &hour);

    let mut holds = true;
    for (what, ok) in [
        (
            "ten thousand requests are in flight",
            many.in_flight == 10_000,
        ),
        ("they fit into 1 GiB", memory < MEMORY_MIB),
        (
            "the hour takes less than 40 s of one core",
            hour.cpu_s < HOUR_S,
        ),
        (
            "the hour has its 180,000 requests",
            hour.window.abs_diff(180_000) < 2_000,
        ),
        ("nothing fails", many.failed + hour.failed == 0),
    ] {
        println!("{} {what}", if ok { "ok   " } else { "WRONG" });
        holds &= ok;
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the process has used so far.
struct Usage {
    cpu_s: f64,
    memory_mib: f64,
}

fn usage() -> Usage {
    let mut raw = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the call fills the structure it is given, and cannot fail with these arguments.
    let raw = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, raw.as_mut_ptr()), 0);
        raw.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    // Linux counts KiB, macOS bytes.
    let unit = if cfg!(target_os = "macos") {
        1.0
    } else {
        1024.0
    };
    Usage {
        cpu_s: seconds(raw.ru_utime) + seconds(raw.ru_stime),
        memory_mib: raw.ru_maxrss as f64 * unit / 1024.0 / 1024.0,
    }
}

struct Passed {
    wall: Duration,
    cpu_s: f64,
    records: usize,
    window: usize,
    in_flight: usize,
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
                start: Start::Spread,
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
        source: Arc::new(Synthetic::new(
            (0, 0),
            None,
            Length::Fixed(64),
            Length::Fixed(tokens),
            Arc::new(TokenModel::assumed()),
        )),
        ahead: false,
        beside: None,
        sink: Box::new(move |record| sink.borrow_mut().push(record)),
        crew: Vec::new(),
        progress: Arc::default(),
        interrupt: Signal::new(),
    };
    let (began, before) = (Instant::now(), usage());
    driver.block_on(drive(driver.clone(), inputs));
    let (wall, cpu_s) = (began.elapsed(), usage().cpu_s - before.cpu_s);
    let records = records.borrow();
    Passed {
        wall,
        cpu_s,
        records: records.len(),
        window: records.iter().filter(|r| r.part == Part::Window).count(),
        in_flight: in_flight(&records),
        failed: records.iter().filter(|r| !r.ok() && !r.cut()).count(),
        tokens: records.iter().filter_map(|r| r.output_tokens).sum(),
    }
}

/// The most requests between sending and end at one time.
fn in_flight(records: &[RequestRecord]) -> usize {
    let mut changes: Vec<(u64, i64)> = Vec::with_capacity(records.len() * 2);
    for record in records {
        if let (Some(sent), Some(end)) = (record.sent_us, record.end_us) {
            changes.extend([(sent, 1), (end, -1)]);
        }
    }
    // At one instant those that end go first.
    changes.sort_unstable();
    let mut now = 0;
    let levels = changes.into_iter().map(|(_, change)| {
        now += change;
        now
    });
    levels.max().unwrap_or(0) as usize
}

fn report(name: &str, passed: &Passed) {
    println!(
        "{name}: {} requests ({} failed), {} tokens in {:.2} s of real time ({:.2} s of processor time), {:.2} µs a token",
        passed.records,
        passed.failed,
        passed.tokens,
        passed.wall.as_secs_f64(),
        passed.cpu_s,
        passed.cpu_s * 1e6 / passed.tokens as f64,
    );
}
