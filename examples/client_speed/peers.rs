//! The same scenes by other clients, where they are on the PATH: what each reports of itself in its own
//! file, next to the processor time that it took. A column that a client does not have is `-`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::machine;
use crate::table::Server;

/// What a peer is to do, as far as peers can be asked.
struct Scene {
    title: &'static str,
    /// What the server is to do, without a comma, which some command lines take for their own.
    script: &'static str,
    streams: u32,
    requests: u32,
    /// Tokens of each answer.
    tokens: u32,
    /// When the server sends the first token, in ms; 0: at once.
    first_ms: f64,
}

const SCENES: [Scene; 2] = [
    Scene {
        title: "exact",
        script: "tokens=100+first=50000+gap=10000",
        streams: 512,
        requests: 1_536,
        tokens: 100,
        first_ms: 50.0,
    },
    Scene {
        title: "burst",
        script: "tokens=128",
        streams: 64,
        requests: 2_000,
        tokens: 128,
        first_ms: 0.0,
    },
];

/// What a peer says of its own run.
#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    /// From its first request to its last answer, in s.
    seconds: Option<f64>,
    /// Times to first token, in ms.
    ttft_p50: Option<f64>,
    ttft_p99: Option<f64>,
}

struct Peer {
    name: &'static str,
    arguments: fn(&Scene, base: &str, folder: &Path) -> Vec<String>,
    /// Its report, below the folder.
    report: &'static str,
    read: fn(&Value) -> Reported,
    note: &'static str,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "oha",
        arguments: oha,
        report: "",
        read: |_| Reported::default(),
        note: "events not read",
    },
    Peer {
        name: "guidellm",
        arguments: guidellm,
        report: "report.json",
        read: read_guidellm,
        note: "",
    },
    Peer {
        name: "aiperf",
        arguments: aiperf,
        report: "profile_export_aiperf.json",
        read: read_aiperf,
        note: "",
    },
    Peer {
        name: "vllm",
        arguments: vllm,
        report: "report.json",
        read: read_vllm,
        note: "",
    },
];

/// Runs `scene` by every peer that there is, if it is one that peers can play.
pub fn print(scene: &str) {
    let Some(scene) = SCENES.iter().find(|s| s.title == scene) else {
        return;
    };
    for peer in &PEERS {
        if !on_path(peer.name) {
            println!("  {:8} not installed", peer.name);
            continue;
        }
        match run(peer, scene) {
            Ok(line) => println!("  {:8} {line}", peer.name),
            Err(why) => println!("  {:8} {why}", peer.name),
        }
    }
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn run(peer: &Peer, scene: &Scene) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    tokenizer(folder.path()).map_err(|e| e.to_string())?;
    let server = Server::start();
    let base = format!("http://{}/{}", server.address, scene.script);
    let cpu = machine::cpu_seconds_of_children();
    let began = Instant::now();
    let output = Command::new("taskset")
        .args(["-c", "0", "timeout", "300", peer.name])
        .args((peer.arguments)(scene, &base, folder.path()))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot be run: {e}"))?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = machine::cpu_seconds_of_children() - cpu;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let last = said.lines().rev().find(|l| !l.trim().is_empty());
        return Err(format!("failed: {}", last.unwrap_or("without a word")));
    }
    let reported = if peer.report.is_empty() {
        Reported {
            seconds: Some(wall),
            ..Reported::default()
        }
    } else {
        let text = std::fs::read(folder.path().join(peer.report))
            .map_err(|e| format!("left no {}: {e}", peer.report))?;
        let report = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
        (peer.read)(&report)
    };
    let tokens = f64::from(scene.requests * scene.tokens);
    let error = |ttft: Option<f64>| {
        let ms = ttft.filter(|_| scene.first_ms > 0.0)? - scene.first_ms;
        Some(ms * 1e3)
    };
    let mut columns = vec![
        column(
            "tokens_per_second",
            reported.seconds.map(|s| tokens / s),
            "/s",
        ),
        // All of the program's life: of its own run alone no client tells.
        column("cpu_per_million", Some(cpu / tokens * 1e6), "CPU s/M"),
        column("ttft_error_p50", error(reported.ttft_p50), "µs"),
        column("ttft_error_p99", error(reported.ttft_p99), "µs"),
    ];
    if !peer.note.is_empty() {
        columns.push(format!("({})", peer.note));
    }
    Ok(columns.join(" · "))
}

fn column(name: &str, value: Option<f64>, unit: &str) -> String {
    match value {
        Some(value) if value < 100.0 => format!("{name} {value:.1} {unit}"),
        Some(value) => format!("{name} {value:.0} {unit}"),
        None => format!("{name} -"),
    }
}

/// A tokenizer for those that want one, as the hub would lay it out.
fn tokenizer(folder: &Path) -> std::io::Result<()> {
    let folder = tokenizer_in(folder);
    std::fs::create_dir_all(&folder)?;
    let vocabulary = include_str!("../../tests/tokens/gpt.json");
    std::fs::write(folder.join("tokenizer.json"), vocabulary)?;
    let class = r#"{"tokenizer_class":"PreTrainedTokenizerFast","model_max_length":4096}"#;
    std::fs::write(folder.join("tokenizer_config.json"), class)
}

fn tokenizer_in(folder: &Path) -> PathBuf {
    folder.join("tokenizer")
}

fn words(line: String) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn oha(scene: &Scene, base: &str, _: &Path) -> Vec<String> {
    words(format!(
        "--no-tui -c {} -n {} -m POST -d {{}} {base}/v1/chat/completions",
        scene.streams, scene.requests
    ))
}

fn guidellm(scene: &Scene, base: &str, folder: &Path) -> Vec<String> {
    words(format!(
        "run --backend kind=openai_http,target={base} --profile kind=concurrent,streams={} \
         --constraint kind=max_requests,count={} \
         --data kind=synthetic_text,prompt_tokens=8,output_tokens={} \
         --tokenizer kind=huggingface_auto,model={} --output kind=json,path=report.json \
         --disable-console",
        scene.streams,
        scene.requests,
        scene.tokens,
        tokenizer_in(folder).display()
    ))
}

fn read_guidellm(report: &Value) -> Reported {
    let run = &report["benchmarks"][0];
    let ttft = &run["metrics"]["time_to_first_token_ms"]["successful"]["percentiles"];
    let at = |what: &str| run["scheduler_metrics"][what].as_f64();
    Reported {
        seconds: at("request_end_time")
            .zip(at("request_start_time"))
            .map(|(end, start)| end - start),
        ttft_p50: ttft["p50"].as_f64(),
        ttft_p99: ttft["p99"].as_f64(),
    }
}

fn aiperf(scene: &Scene, base: &str, folder: &Path) -> Vec<String> {
    words(format!(
        "profile --model bare --url {base} --endpoint-type chat --streaming --concurrency {} \
         --request-count {} --tokenizer {} --isl 8 --osl {} --ui-type none --artifact-dir .",
        scene.streams,
        scene.requests,
        tokenizer_in(folder).display(),
        scene.tokens
    ))
}

fn read_aiperf(report: &Value) -> Reported {
    let ttft = &report["time_to_first_token"];
    Reported {
        seconds: report["benchmark_duration"]["avg"].as_f64(),
        ttft_p50: ttft["p50"].as_f64(),
        ttft_p99: ttft["p99"].as_f64(),
    }
}

fn vllm(scene: &Scene, base: &str, folder: &Path) -> Vec<String> {
    words(format!(
        "bench serve --backend openai-chat --base-url {base} --endpoint /v1/chat/completions \
         --model bare --tokenizer {} --dataset-name random --random-input-len 8 \
         --random-output-len {} --num-prompts {} --max-concurrency {} \
         --percentile-metrics ttft --metric-percentiles 99 \
         --save-result --result-dir . --result-filename report.json",
        tokenizer_in(folder).display(),
        scene.tokens,
        scene.requests,
        scene.streams
    ))
}

fn read_vllm(report: &Value) -> Reported {
    Reported {
        seconds: report["duration"].as_f64(),
        ttft_p50: report["median_ttft_ms"].as_f64(),
        ttft_p99: report["p99_ttft_ms"].as_f64(),
    }
}
