//! Runs the scenes, each in fresh processes, and prints medians.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use crate::{decoding, machine, peers};

/// The server in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    pub address: String,
}

impl Server {
    pub fn start() -> Server {
        Self::serving(&["serve"])
    }

    fn serving(arguments: &[&str]) -> Server {
        let mut child = myself()
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let out = child.stdout.take().map(BufReader::new);
        let mut server = Server {
            child,
            out,
            address: String::new(),
        };
        server.address = server.line();
        server
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        if let Some(out) = &mut self.out {
            let _ = out.read_line(&mut line);
        }
        line.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn myself() -> Command {
    Command::new(std::env::current_exe().expect("a path"))
}

/// Figures of one measurement by name.
type Figures = BTreeMap<String, f64>;

fn measure(transport: &str, scene: &str) -> Figures {
    let server = match transport.ends_with("-tls") {
        true => Server::serving(&["serve", "tls"]),
        false => Server::start(),
    };
    let began = Instant::now();
    let output = myself()
        .args(["measure", transport, scene, &server.address])
        .stderr(Stdio::inherit())
        .output()
        .expect("a client");
    let wall = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{scene} over {transport} failed");
    let mut figures: Figures = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect();
    figures.insert("wall_ms".to_owned(), wall * 1e3);
    figures
}

/// Medians of `rounds` measurements.
fn medians(transport: &str, scene: &str, rounds: usize) -> Figures {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for (name, value) in measure(transport, scene) {
            all.entry(name).or_default().push(value);
        }
    }
    all.into_iter()
        .map(|(name, mut values)| {
            values.sort_by(f64::total_cmp);
            (name, values[values.len() / 2])
        })
        .collect()
}

/// A scene, its title, and what is shown of it: figure, unit, decimals.
type Shown = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, usize)],
);

const SHOWN: &[Shown] = &[
    (
        "exact",
        "512 streams, TTFT 50 ms, a token per 10 ms, all started at once",
        &[
            ("ttft_error_p50", "µs", 1),
            ("ttft_error_p99", "µs", 1),
            ("ttft_error_median_signed", "µs", 1),
            ("itl_error_p99", "µs", 1),
            ("cpu_per_million", "CPU s/M", 2),
            ("rss_mb", "MB", 0),
        ],
    ),
    (
        "fewer",
        "128 streams, TTFT 50 ms, a token per 10 ms, all started at once",
        &[
            ("ttft_error_p50", "µs", 1),
            ("ttft_error_p99", "µs", 1),
            ("itl_error_p99", "µs", 1),
            ("cpu_per_million", "CPU s/M", 2),
        ],
    ),
    (
        "many",
        "4,096 streams, TTFT 100 ms, a token per 40 ms, all started at once",
        &[
            ("ttft_error_p50", "µs", 1),
            ("ttft_error_p99", "µs", 1),
            ("itl_error_p99", "µs", 1),
            ("cpu_per_million", "CPU s/M", 2),
            ("rss_mb", "MB", 0),
        ],
    ),
    (
        "burst",
        "64 streams × 128 tokens, as fast as can be, one write a token",
        &[
            ("tokens_per_second", "/s", 0),
            ("cpu_per_million", "CPU s/M", 2),
        ],
    ),
    (
        "coalesced",
        "the same, 32 tokens a write",
        &[
            ("tokens_per_second", "/s", 0),
            ("cpu_per_million", "CPU s/M", 2),
        ],
    ),
    (
        "paced",
        "2,048 streams, a token per 10 ms",
        &[
            ("tokens_per_second", "/s", 0),
            ("cpu_per_million", "CPU s/M", 2),
            ("tokens_per_read", "", 2),
            ("rss_mb", "MB", 0),
        ],
    ),
    (
        "kept",
        "2,048 streams, a token per 20 ms: a pace that the server's core can keep",
        &[
            ("tokens_per_second", "/s", 0),
            ("cpu_per_million", "CPU s/M", 2),
            ("tokens_per_read", "", 2),
        ],
    ),
    (
        "constant",
        "constant 200/s",
        &[
            ("late_p50", "µs", 0),
            ("late_p99", "µs", 0),
            ("late_max", "µs", 0),
        ],
    ),
    (
        "fast",
        "constant 10,000/s, one token each",
        &[
            ("late_p50", "µs", 0),
            ("late_p99", "µs", 0),
            ("late_max", "µs", 0),
        ],
    ),
    (
        "poisson",
        "Poisson 200/s, 4,000 arrivals (5 % critical KS 0.0215)",
        &[
            ("rate_error_percent", "%", 2),
            ("ks_distance", "", 4),
            ("dispersion", "", 2),
        ],
    ),
    (
        "volume",
        "ten million tokens, recorded, and their metrics made",
        &[("million_tokens", "M", 1), ("added_mb", "MB", 0)],
    ),
];

/// Prints the table, medians of `rounds`; of the scenes named `only`, or of all.
pub fn print(rounds: usize, only: &[&str]) {
    println!("{}; medians of {rounds}", machine::describe());
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    for (scene, title, figures) in SHOWN.iter().filter(|(scene, ..)| wanted(scene)) {
        println!("\n{title}");
        for transport in transports(scene) {
            let found = medians(transport, scene, rounds);
            let line: Vec<String> = figures
                .iter()
                .filter_map(|(name, unit, decimals)| {
                    let value = found.get(*name)?;
                    Some(format!("{name} {value:.decimals$} {unit}"))
                })
                .collect();
            println!("  {transport:11} {}", line.join(" · "));
        }
        peers::print(scene);
    }
    if wanted("start") {
        start(rounds);
    }
    if wanted("seam") {
        seam(rounds);
    }
    if wanted("decoder") {
        decoder();
    }
}

fn transports(scene: &str) -> &'static [&'static str] {
    match scene {
        "burst" => &["lean", "reqwest", "hyper"],
        "coalesced" | "paced" | "kept" => &["lean", "lean-tls", "reqwest", "hyper"],
        // reqwest opens more connections than there are descriptors.
        "volume" | "fast" => &["lean"],
        "exact" | "fewer" => &["lean", "lean-tls", "reqwest", "reqwest-tls"],
        _ => &["lean", "reqwest"],
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// From the start of the program `prony`, where it was built, to its first request at the server.
fn start(rounds: usize) {
    let beside = std::env::current_exe().ok();
    let prony = beside.and_then(|me| Some(me.parent()?.parent()?.join("prony")));
    let Some(prony) = prony.filter(|path| path.exists()) else {
        println!("\nstart to first request: `prony` is not built beside this example");
        return;
    };
    let once = || {
        let mut server = Server::start();
        let url = format!("http://{}/tokens=4/v1", server.address);
        let folder = tempfile::tempdir().expect("a folder");
        let began = machine::wall_clock();
        let output = Command::new(&prony)
            .args(["run", &url, "--requests", "1", "--warmup", "0s"])
            .arg("--results")
            .arg(folder.path())
            .current_dir(folder.path())
            .output()
            .expect("prony");
        let wall = machine::wall_clock() - began;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let came: u64 = server.line().parse().unwrap_or(began);
        (came.saturating_sub(began) as f64 / 1e6, wall as f64 / 1e6)
    };
    let (first, wall): (Vec<f64>, Vec<f64>) = (0..rounds).map(|_| once()).unzip();
    println!(
        "\nprony run URL --requests 1: first request after {:.1} ms, all of it {:.1} ms",
        median(first),
        median(wall)
    );
}

/// Whether measuring cores add up: one run on one core, one run dealt out to two, and two runs that have
/// nothing in common but the machine, which is the most that two cores of it can give.
fn seam(rounds: usize) {
    let start = |first: &str, cores: &str| {
        let mut command = myself();
        command.args(["seam", first, cores]).stdout(Stdio::piped());
        command.spawn().expect("myself")
    };
    let figure = |child: Child| {
        let output = child.wait_with_output().expect("myself");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figure = text.trim().rsplit(' ').next().map(str::parse);
        figure.and_then(Result::ok).unwrap_or(f64::NAN)
    };
    let (mut one, mut two, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        one.push(figure(start("0", "1")));
        two.push(figure(start("0", "2")));
        let both = [start("0", "1"), start("1", "1")];
        apart.push(both.into_iter().map(figure).sum());
    }
    let (one, two, apart) = (median(one), median(two), median(apart));
    println!(
        "\nrecorded bytes through the transport seam: one core {:.1} M/s, one run on two {:.1} M/s, {:.2} ×, \
         two runs apart {:.1} M/s, {:.2} ×",
        one / 1e6,
        two / 1e6,
        two / one,
        apart / 1e6,
        apart / one
    );
}

fn decoder() -> f64 {
    let (scan, serde) = (
        decoding::nanoseconds_a_token(true),
        decoding::nanoseconds_a_token(false),
    );
    println!(
        "\ndecoder: scan {scan:.0} ns a token, serde {serde:.0} ns, {:.1} ×",
        serde / scan
    );
    serde / scan
}

/// The ratios that CI asserts; absolute times mean nothing on a shared machine.
pub fn smoke() -> ExitCode {
    let mut good = true;
    let mut check = |what: &str, ratio: f64, least: f64| {
        let verdict = if ratio >= least { "ok" } else { "TOO LOW" };
        println!("{what}: {ratio:.2} ×, at least {least} wanted: {verdict}");
        good &= ratio >= least;
    };
    check("decoder, scan against serde", decoder(), 3.0);
    // By processor time: what a core can take in, whoever else is on it.
    let cost = |transport| medians(transport, "brief", 3)["cpu_per_million"];
    check(
        "coalesced throughput of one core, all of prony against hyper and the scan alone",
        cost("hyper") / cost("lean"),
        1.5,
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
