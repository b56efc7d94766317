//! One measurement in a process of its own: prony's load engine on one core, its records on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prony::driver::RealDriver;
use prony::endpoint::openai::Chat;
use prony::endpoint::{HttpCarrier, HttpSettings, Stamps, Transport};
use prony::load::{RunInputs, RunPlan, Signal, drive};
use prony::metrics::{series, summarize_phase, summarize_run};
use prony::record::{Recorder, RequestRecord, RunRecords};
use prony::suite::{Arrivals, Load, LoadShape, Start, Timeouts, TransportKind};
use prony::workload::{PlannedRequest, Prompt, RequestSource};

use crate::{hyper_client, machine, wire};

/// What is measured, by name.
pub struct Scene {
    /// What the server is to do.
    script: &'static str,
    shape: LoadShape,
    requests: u64,
}

fn scene(name: &str) -> Scene {
    let rate = |per_second, arrivals| LoadShape::Rate {
        per_second,
        arrivals,
    };
    let (script, shape, requests) = match name {
        "exact" => (
            "tokens=100,first=50000,gap=10000,truth=1",
            LoadShape::Concurrency(512),
            1536,
        ),
        "fewer" => (
            "tokens=100,first=50000,gap=10000,truth=1",
            LoadShape::Concurrency(128),
            512,
        ),
        "many" => (
            "tokens=50,first=100000,gap=40000,truth=1",
            LoadShape::Concurrency(4096),
            8_192,
        ),
        "volume" => (
            "tokens=512,batch=64",
            LoadShape::Concurrency(64),
            10_000_000 / 512,
        ),
        "burst" => ("tokens=128", LoadShape::Concurrency(64), 8_000),
        "brief" => ("tokens=128,batch=32", LoadShape::Concurrency(64), 8_000),
        "coalesced" => ("tokens=128,batch=32", LoadShape::Concurrency(64), 40_000),
        "paced" => (
            "tokens=100,first=50000,gap=10000",
            LoadShape::Concurrency(2048),
            6_144,
        ),
        "kept" => (
            "tokens=100,first=50000,gap=20000",
            LoadShape::Concurrency(2048),
            6_144,
        ),
        "constant" => ("tokens=4", rate(200.0, Arrivals::Constant), 1_000),
        "poisson" => ("tokens=4", rate(200.0, Arrivals::Poisson), 4_000),
        "fast" => ("tokens=1", rate(10_000.0, Arrivals::Constant), 20_000),
        "one" => ("tokens=4", LoadShape::Concurrency(1), 1),
        other => panic!("there is no scene {other}"),
    };
    Scene {
        script,
        shape,
        requests,
    }
}

struct Same;

impl RequestSource for Same {
    fn request(&self, _: u64) -> PlannedRequest {
        PlannedRequest {
            prompt: Prompt::Text("Say something at the speed asked for.".to_owned()),
            input_tokens: None,
            counted: false,
            output_tokens: None,
            labels: BTreeMap::new(),
        }
    }
}

/// Measures `scene` over `transport` against the server at `address`, and prints `name value` lines.
pub fn measure(transport: &str, name: &str, address: &str) {
    machine::pin(0..1);
    machine::raise_open_files();
    let before = machine::peak_rss_mb();
    let scene = scene(name);
    if transport == "hyper" {
        let path = format!("/{}/v1/chat/completions", scene.script);
        let LoadShape::Concurrency(streams) = scene.shape else {
            panic!("hyper plays closed loops only");
        };
        return hyper_client::measure(address, &path, streams as usize, scene.requests);
    }
    let (transport, tls) = match transport.strip_suffix("-tls") {
        Some(transport) => (transport, true),
        None => (transport, false),
    };
    let url = match tls {
        false => format!("http://{address}/{}/v1", scene.script),
        true => format!("https://{address}/{}/v1", scene.script),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::append(&folder.path().join("requests.jsonl")).expect("a recorder");
    let sink = recorder.sink();
    let (cpu, wall, stamps, reads, outcome) = RealDriver::run(async |driver| {
        let slots = match scene.shape {
            LoadShape::Concurrency(n) => n as usize,
            _ => 16,
        };
        let settings = HttpSettings {
            pool: slots.max(512),
            ca: tls.then(|| wire::AUTHORITY.to_vec()),
            ..HttpSettings::new(url.parse().expect("a URL"))
        };
        let kind = match transport {
            "lean" => TransportKind::Lean,
            _ => TransportKind::Reqwest,
        };
        let carrier = HttpCarrier::new(settings, driver.clone(), Some(kind));
        let carrier = carrier.unwrap_or_else(|e| panic!("{e}"));
        let inputs = inputs(scene.shape, scene.requests, carrier.clone(), sink);
        let (cpu, began) = (machine::cpu_seconds(), Instant::now());
        let outcome = drive(driver, inputs).await;
        let cpu = machine::cpu_seconds() - cpu;
        let reads = match &carrier {
            HttpCarrier::Lean(lean) => Some(lean.stamp_counts()).map(|c| c.kernel + c.read),
            HttpCarrier::Reqwest(_) => None,
        };
        (
            cpu,
            began.elapsed().as_secs_f64(),
            carrier.stamps(),
            reads,
            outcome,
        )
    })
    .expect("a runtime");
    let cpu_before = machine::cpu_seconds();
    let records = recorder.finish();
    let cpu = cpu + machine::cpu_seconds() - cpu_before;
    assert!(records.error.is_none(), "{:?}", records.error);
    let records: Vec<_> = records.records.into_iter().filter(|r| !r.cut()).collect();
    if let Some(failed) = records.iter().find(|r| !r.ok()) {
        panic!("a request failed: {:?}", failed.error);
    }
    let tokens: usize = records.iter().map(|r| r.chunks.len()).sum();
    println!("tokens_per_second {}", tokens as f64 / wall);
    println!("cpu_per_million {}", cpu / tokens as f64 * 1e6);
    if name == "volume" {
        let run = RunRecords {
            session: 0,
            open_loop: false,
            window: outcome.window,
            records,
            scrapes: Vec::new(),
            cache: None,
            stopped: None,
            beside: Vec::new(),
        };
        let part = summarize_run(&run, None, false);
        let phase = summarize_phase(std::slice::from_ref(&run), None, false);
        assert!(
            part.metrics.len() > 5
                && phase.len() > 5
                && !series(std::slice::from_ref(&run))[0].series.is_empty()
        );
        println!("million_tokens {}", tokens as f64 / 1e6);
        println!("added_mb {}", machine::peak_rss_mb() - before);
        return;
    }
    println!("rss_mb {}", machine::peak_rss_mb());
    if let Some(reads) = reads {
        println!("tokens_per_read {}", tokens as f64 / reads as f64);
    }
    if let Some(stamps) = stamps {
        println!(
            "by_kernel {}",
            f64::from(u8::from(stamps == Stamps::Kernel))
        );
    }
    match name {
        "exact" | "fewer" | "many" => exactness(&records),
        "constant" | "fast" => lateness(&records),
        "poisson" => {
            lateness(&records);
            arrivals(&records, 200.0);
        }
        _ => {}
    }
}

/// Inputs of a closed loop of `streams` over `transport`.
pub fn closed<T>(
    streams: u32,
    requests: u64,
    transport: T,
    sink: impl FnMut(RequestRecord) + 'static,
) -> RunInputs<T> {
    inputs(LoadShape::Concurrency(streams), requests, transport, sink)
}

fn inputs<T>(
    shape: LoadShape,
    requests: u64,
    transport: T,
    sink: impl FnMut(RequestRecord) + 'static,
) -> RunInputs<T> {
    let long = Duration::from_secs(60);
    RunInputs {
        plan: RunPlan {
            case: "client::speed".to_owned(),
            phase: "main".to_owned(),
            run: 0,
            session: 0,
            load: Load {
                shape,
                max_concurrency: None,
                start: Start::Together,
            },
            requests: Some(requests),
            duration: None,
            warmup: Duration::ZERO,
            drain: long,
            brief_drain: long,
            timeouts: Timeouts {
                connect: long,
                first_token: long,
                total: long,
            },
            seed: 1,
        },
        transport,
        protocol: Arc::new(Chat::new("bare", true, &serde_json::Map::new())),
        source: Arc::new(Same),
        ahead: false,
        beside: None,
        sink: Box::new(sink),
        crew: Vec::new(),
        progress: Arc::default(),
        interrupt: Signal::new(),
    }
}

/// The quantile of `values`, sorted here.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    prony::stats::quantile(values, q).unwrap_or(f64::NAN)
}

/// How far times to the first token and between tokens are from what the server's clock says, in µs.
fn exactness(records: &[RequestRecord]) {
    let (mut first, mut gaps) = (Vec::new(), Vec::new());
    for record in records {
        let truth: Vec<f64> = record
            .finish
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .filter_map(|ns| Some(ns.parse::<f64>().ok()? / 1e3))
            .collect();
        if let (Some(sent), Some(seen), Some(true_first)) =
            (record.sent_us, record.first_us, truth.first())
        {
            first.push(seen as f64 - sent as f64 - true_first);
        }
        for (chunk, pair) in record.chunks.iter().skip(1).zip(truth.windows(2)) {
            gaps.push((chunk.gap_us as f64 - (pair[1] - pair[0])).abs());
        }
    }
    println!("ttft_error_median_signed {}", quantile(&mut first, 0.5));
    let mut size: Vec<f64> = first.iter().map(|e| e.abs()).collect();
    println!("ttft_error_p50 {}", quantile(&mut size, 0.5));
    println!("ttft_error_p99 {}", quantile(&mut size, 0.99));
    println!("itl_error_p99 {}", quantile(&mut gaps, 0.99));
}

/// How long after their time requests left, in µs.
fn lateness(records: &[RequestRecord]) {
    let mut late: Vec<f64> = records
        .iter()
        .filter_map(|r| {
            Some(r.sent_us? as f64 - r.due_us? as f64 - r.connect_us.unwrap_or(0) as f64)
        })
        .collect();
    println!("late_p50 {}", quantile(&mut late, 0.5));
    println!("late_p99 {}", quantile(&mut late, 0.99));
    println!("late_max {}", quantile(&mut late, 1.0));
}

/// Whether the requests really left as a Poisson process of `rate` per second.
fn arrivals(records: &[RequestRecord], rate: f64) {
    let mut sent: Vec<f64> = records
        .iter()
        .filter_map(|r| Some(r.sent_us? as f64 / 1e6))
        .collect();
    sent.sort_by(f64::total_cmp);
    let mut gaps: Vec<f64> = sent.windows(2).map(|w| w[1] - w[0]).collect();
    let span = sent.last().unwrap_or(&0.0) - sent.first().unwrap_or(&0.0);
    println!(
        "rate_error_percent {}",
        (gaps.len() as f64 / span / rate - 1.0) * 100.0
    );
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    // The two-sided Kolmogorov-Smirnov distance to the exponential distribution.
    let distance = gaps
        .iter()
        .enumerate()
        .map(|(i, gap)| {
            let f = 1.0 - (-gap * rate).exp();
            (f - i as f64 / n).abs().max(((i + 1) as f64 / n - f).abs())
        })
        .fold(0.0, f64::max);
    println!("ks_distance {distance}");
    // Variance over mean of the counts per 100 ms.
    let mut counts = vec![0.0; (span * 10.0) as usize];
    for t in &sent {
        if let Some(count) = counts.get_mut(((t - sent[0]) * 10.0) as usize) {
            *count += 1.0;
        }
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let variance =
        counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (counts.len() - 1) as f64;
    println!("dispersion {}", variance / mean);
}
