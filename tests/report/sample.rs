//! Results made up for the tests: one case of every verdict, and texts that try to break out.

use std::collections::BTreeMap;

use prony::judge::Verdict;
use prony::metrics::Unit;
use prony::result::*;
use prony::text::slug;

/// The scenario of [`case`]; its assertions stand in lines 14 and 15 of the file.
const YAML: &str = "  - name: steady
    kind: latency
    load: { rate: 20/s, arrivals: poisson }
    requests: 1000
    sla:
      - ttft.p99 < 500ms
      - tpot.p95 <= 40ms
      - \"goodput(ttft < 500ms, tpot < 40ms) >= 99%\"
";

pub fn run(cases: Vec<CaseResult>) -> RunResult {
    RunResult {
        schema: SUMMARY_SCHEMA,
        run: RunInfo {
            id: "20260314T091502Z-k3f9".into(),
            started_at: "2026-03-14T09:15:02Z".into(),
            finished_at: Some("2026-03-14T09:22:47Z".into()),
            version: "0.1.0".into(),
            seed: Some(7),
            interrupted: false,
            host: Host {
                name: Some("bench-3".into()),
                os: "linux x86_64".into(),
                cpu: Some("AMD EPYC 9554 64-Core Processor".into()),
                cores: Some(16),
            },
            command: ["target/release/prony", "run", "--seed", "7", "--", "chat"]
                .map(String::from)
                .to_vec(),
            labels: BTreeMap::from([("commit".to_owned(), "4f2a91c".to_owned())]),
        },
        cases,
        configurations: Vec::new(),
    }
}

/// One case of every verdict.
pub fn every_verdict() -> RunResult {
    run(vec![
        passing("steady-state"),
        failing(),
        borderline(),
        undecided(),
        invalid(),
        error(),
        skipped(),
    ])
}

pub fn case(name: &str, verdict: Verdict) -> CaseResult {
    CaseResult {
        suite: "chat".into(),
        name: name.into(),
        slug: slug(&format!("chat::{name}")),
        kind: "latency".into(),
        verdict,
        reason: None,
        duration_s: 62.348,
        source: source(9, 11, 6, "  - name: steady"),
        yaml: YAML.into(),
        phases: vec![phase(1.0)],
        assertions: vec![
            ttft_p99(412.3),
            assertion(
                "tpot.p95 <= 40ms",
                source(15, 9, 16, "      - tpot.p95 <= 40ms"),
                Unit::Milliseconds,
                Some(24.17),
                Some(40.0),
            ),
            goodput(0.9962),
            error_rate(0.002),
        ],
        answers: Vec::new(),
        search: None,
        path: Vec::new(),
        baseline: None,
        notes: vec![],
        extended: None,
        known_issue: None,
        unfinished: false,
    }
}

pub fn passing(name: &str) -> CaseResult {
    case(name, Verdict::Pass)
}

pub fn failing() -> CaseResult {
    let mut case = case("steady", Verdict::Fail);
    case.reason = Some("ttft.p99 is 612 ms, over the limit of 500 ms".into());
    case.phases = vec![phase(1.45)];
    case.assertions[0] = AssertionResult {
        interval: [Some(588.4), Some(655.0)],
        ..ttft_p99(612.2)
    };
    case.assertions[2] = goodput(0.9412);
    case.notes = vec!["the target's log: cases/chat-steady-95326e6f/target.log".into()];
    case
}

/// An observed violation that the data cannot confirm.
pub fn borderline() -> CaseResult {
    let mut case = case("evening-peak", Verdict::Undecided);
    case.reason =
        Some("ttft.p99 < 500ms could not be decided: 500.4 ms, between 471 ms and 538 ms".into());
    case.assertions[0] = AssertionResult {
        verdict: Verdict::Undecided,
        borderline: true,
        interval: [Some(471.0), Some(538.0)],
        ..ttft_p99(500.4)
    };
    case
}

pub fn undecided() -> CaseResult {
    let mut case = case("burst[shape=0.25,model=a/b]", Verdict::Undecided);
    case.reason = Some("50 requests cannot decide a p99".into());
    case.phases[0].requests = RequestCounts {
        due: 50,
        sent: 50,
        ok: 50,
        failed: 0,
        cut: 0,
    };
    case.assertions[0] = AssertionResult {
        verdict: Verdict::Undecided,
        reason: Some("at least 299 requests are needed for an upper bound of a p99 at 95 %".into()),
        interval: [Some(310.0), None],
        n: Some(50),
        ..ttft_p99(402.0)
    };
    case
}

pub fn invalid() -> CaseResult {
    let mut case = case("flat-out", Verdict::Invalid);
    case.reason = Some(
        "the client was the limit: p99 of send_lag is 38.2 ms, 5 % of the tightest bound is 25 ms"
            .into(),
    );
    case.phases[0].client.send_lag = Some(Spread {
        p50: 2.1,
        p99: 38.2,
        max: 91.0,
    });
    case.phases[0].client.cpu = Some(0.98);
    case.phases[0].warnings = vec![Warning {
        text: "the client's loop was late by up to 91 ms".into(),
        remedy: "give prony more cores, or lower the rate".into(),
    }];
    for a in &mut case.assertions {
        a.verdict = Verdict::Invalid;
    }
    case
}

pub fn error() -> CaseResult {
    let mut case = case("cold-start", Verdict::Error);
    case.reason = Some("http://10.0.0.7:8000/v1 was not ready within 60 s: connection refused; start it, or raise `ready_timeout`".into());
    case.phases = vec![];
    case.assertions = vec![];
    case.duration_s = 60.02;
    case
}

pub fn skipped() -> CaseResult {
    let mut case = case("nightly-only", Verdict::Skipped);
    case.reason = Some("skip: needs 8 GPUs".into());
    case.phases = vec![];
    case.assertions = vec![];
    case.duration_s = 0.0;
    case
}

/// Two phases of three runs each, compared with a baseline.
pub fn repeated() -> CaseResult {
    let mut case = case("prefix-cache", Verdict::Fail);
    case.kind = "cache".into();
    case.reason = Some("ttft.p99 of warm regressed by 31 %".into());
    let phases = [("cold", 1.2), ("warm", 0.6)].map(|(name, slower)| {
        let mut p = phase(slower);
        p.name = name.into();
        let run = p.runs[0].clone();
        p.runs = (0..3)
            .map(|session| RunPart {
                run: session,
                session,
                ..run.clone()
            })
            .collect();
        p
    });
    case.phases = phases.to_vec();
    case.phases[1].warnings = vec![Warning {
        text: "input_tokens is an estimate: the server reports no usage".into(),
        remedy: "ask for it with `stream_options`, or state a tokenizer".into(),
    }];
    let relative = "warm.ttft.p50 < 0.4 * cold.ttft.p50";
    case.assertions[0] = AssertionResult {
        kind: AssertionKind::Relative,
        interval: [Some(88.0), Some(95.0)],
        ..assertion(
            relative,
            source(14, 9, 35, &format!("      - {relative}")),
            Unit::Milliseconds,
            Some(91.3),
            Some(87.4),
        )
    };
    case.yaml = case
        .yaml
        .replace("ttft.p99 < 500ms\n", &format!("{relative}\n"));
    let change = |metric: &str, change, ratio: f64| Change {
        metric: metric.into(),
        change,
        ratio: Some(ratio),
        interval: [Some(ratio * 0.96), Some(ratio * 1.05)],
        tolerance: Some(0.1),
        floor: None,
        unit: None,
        accepted: None,
        observed: None,
        accepted_runs: Vec::new(),
        observed_runs: Vec::new(),
        reason: None,
    };
    case.baseline = Some(BaselineResult {
        standing: BaselineStanding::Compared,
        reason: None,
        file: None,
        candidate: None,
        accepted: BTreeMap::new(),
        identity: BTreeMap::from([("model".to_owned(), "llama-70b".to_owned())]),
        changes: vec![
            change("warm.ttft.p99", ChangeKind::Regressed, 1.31),
            change("warm.ttft.p50", ChangeKind::WithinTolerance, 1.02),
            change("cold.tpot.p50", ChangeKind::Improved, 0.82),
        ],
    });
    case
}

/// Slower than what was accepted.
pub fn regressed(name: &str) -> CaseResult {
    let mut case = case(name, Verdict::Fail);
    case.phases = vec![phase(1.45)];
    let accepted = |level: f64| AcceptedMetric {
        unit: Unit::Milliseconds,
        p50: vec![Some(level * 0.98), Some(level), Some(level * 1.03)],
        p90: vec![Some(level * 1.7); 3],
        p95: vec![Some(level * 1.9); 3],
        p99: vec![Some(level * 2.3), Some(level * 2.2), Some(level * 2.4)],
    };
    let change = |metric: &str, change, accepted: f64, observed: f64| Change {
        metric: metric.into(),
        change,
        ratio: Some(observed / accepted),
        interval: [
            Some(observed / accepted * 0.97),
            Some(observed / accepted * 1.03),
        ],
        tolerance: Some(0.1),
        floor: None,
        unit: Some(Unit::Milliseconds),
        accepted: Some(accepted),
        observed: Some(observed),
        accepted_runs: Vec::new(),
        observed_runs: Vec::new(),
        reason: None,
    };
    let rule = "baseline ttft.p50: 10%";
    case.assertions[1] = AssertionResult {
        kind: AssertionKind::Relative,
        op: "<=".into(),
        ..assertion(
            rule,
            source(15, 9, 16, "      - tpot.p95 <= 40ms"),
            Unit::Milliseconds,
            Some(264.0),
            Some(201.0),
        )
    };
    case.baseline = Some(BaselineResult {
        standing: BaselineStanding::Compared,
        reason: None,
        file: Some("baselines/chat/steady.json".into()),
        candidate: Some(CandidateResult {
            why: "regressed".into(),
            file: "results/x/baselines/chat/steady.json".into(),
            accept: format!("prony baseline accept chat::{name}"),
        }),
        identity: BTreeMap::from([("model".to_owned(), "llama-70b".to_owned())]),
        changes: vec![
            change("ttft.p50", ChangeKind::Regressed, 182.6, 264.0),
            change("tpot.p50", ChangeKind::WithinTolerance, 19.9, 20.1),
        ],
        accepted: BTreeMap::from([(
            "main".to_owned(),
            BTreeMap::from([
                ("ttft".to_owned(), accepted(182.6)),
                ("e2e_latency".to_owned(), accepted(4100.0)),
            ]),
        )]),
    });
    case
}

/// Six configurations of a matrix, each of which looked for its capacity: three on the front, one unknown.
pub fn configured() -> RunResult {
    let one = |values: &str, serves: f64, gpus: f64, ttft: f64, tpot: f64| ConfigurationResult {
        slug: slug(&format!("chat::capacity[{values}]")),
        values: values.into(),
        serves: Some(serves),
        interval: [Some(serves * 0.96), Some(serves * 1.04)],
        per_gpu: Some(serves / gpus),
        phase: Some(format!("at({serves}/s)")),
        ttft_p99: Some(ttft),
        tpot_p50: Some(tpot),
        tokens_per_second: Some(serves * 200.0),
        tokens_per_second_per_gpu: Some(serves * 200.0 / gpus),
        best: false,
        pareto: false,
    };
    let mut cases = vec![
        one("tp=8,seqs=256", 61.0, 8.0, 210.0, 11.0),
        one("tp=4,seqs=256", 44.0, 4.0, 290.0, 17.0),
        one("tp=4,seqs=64", 36.0, 4.0, 300.0, 18.0),
        one("tp=2,seqs=256", 27.0, 2.0, 470.0, 31.0),
        one("tp=2,seqs=64", 21.0, 2.0, 480.0, 30.0),
    ];
    cases[0].best = true;
    for front in [0, 1, 3] {
        cases[front].pareto = true;
    }
    cases.push(ConfigurationResult {
        serves: None,
        interval: [None, None],
        per_gpu: None,
        phase: None,
        ttft_p99: None,
        tpot_p50: None,
        tokens_per_second: None,
        tokens_per_second_per_gpu: None,
        ..cases[4].clone()
    });
    cases[5].values = "tp=1,seqs=256".into();
    let mut result = run(vec![searched()]);
    result.configurations = vec![ConfigurationsResult {
        suite: "chat".into(),
        scenario: "capacity".into(),
        answer: "capacity".into(),
        unit: Unit::PerSecond,
        cases,
    }];
    result
}

/// A search for the highest rate.
pub fn searched() -> CaseResult {
    let mut case = case("capacity", Verdict::Pass);
    case.kind = "throughput".into();
    let probe = |level: f64, held: bool| ProbeResult {
        phase: format!("at({level}/s)"),
        level,
        held,
        decided: level != 48.0,
        runs: 1,
        broke: if held {
            vec![]
        } else {
            vec!["ttft.p99 < 500ms".into()]
        },
        throughput: Some(level.min(52.0)),
        stopped: None,
    };
    case.path = vec![
        probe(16.0, true),
        probe(32.0, true),
        probe(64.0, false),
        probe(48.0, true),
    ];
    case.answers = vec![AnswerResult {
        name: "capacity".into(),
        unit: Unit::PerSecond,
        value: Some(50.1),
        interval: [Some(48.0), Some(53.0)],
        confidence: Some(0.95),
    }];
    case
}

/// A sweep over three levels, its knee in the middle.
pub fn swept() -> CaseResult {
    let mut case = case("sweep", Verdict::Pass);
    case.kind = "scalability".into();
    case.phases = [(1, 900.0, 0.4), (4, 3200.0, 0.6), (16, 6100.0, 1.9)]
        .map(|(level, tokens, slower)| {
            let mut p = phase(slower);
            p.name = format!("at({level})");
            p.labels = BTreeMap::from([("level".to_owned(), level.to_string())]);
            p.load.concurrency = Some(level);
            for metrics in [&mut p.metrics, &mut p.runs[0].metrics] {
                let tokens = value(Unit::TokensPerSecond, tokens);
                metrics.insert("tokens_per_second".into(), tokens);
            }
            p
        })
        .to_vec();
    case.assertions[0].text = "at(knee).ttft.p99 < 500ms".into();
    case.notes = vec!["the knee is `at(4)`".into()];
    let answer = |name: &str, value: f64| AnswerResult {
        name: name.into(),
        unit: Unit::Ratio,
        value: Some(value),
        interval: [Some(value * 0.8), Some(value * 1.2)],
        confidence: Some(0.95),
    };
    case.answers = vec![answer("contention", 0.06), answer("coherency", 0.001)];
    case
}

/// A steady load that long prompts disturb.
pub fn disturbed() -> CaseResult {
    let mut case = case("disturbed", Verdict::Pass);
    case.kind = "disaggregation".into();
    let [quiet, prefill] = [0.4, 3.0].map(|slower| phase(slower).metrics.remove("itl"));
    case.phases[0].itl_during = [("prefill", prefill), ("quiet", quiet)]
        .into_iter()
        .filter_map(|(when, gaps)| match gaps? {
            MetricSummary::Distribution(d) => Some((when.to_owned(), d)),
            MetricSummary::Value(_) => None,
        })
        .collect();
    case
}

/// So many requests failed that a p99 has no bound.
pub fn unbounded() -> CaseResult {
    let mut case = case("overload", Verdict::Fail);
    case.reason = Some("34 of 1000 requests failed, which leaves ttft.p99 without a bound".into());
    let phase = &mut case.phases[0];
    phase.requests = RequestCounts {
        due: 1000,
        sent: 1000,
        ok: 966,
        failed: 34,
        cut: 2,
    };
    phase.errors = vec![
        ErrorCount {
            kind: "http".into(),
            count: 21,
            example: "503 Service Unavailable: {\"error\":\"overloaded\"}".into(),
        },
        ErrorCount {
            kind: "error_in_stream".into(),
            count: 13,
            example: "CUDA error: out of memory".into(),
        },
    ];
    if let Some(MetricSummary::Distribution(d)) = phase.metrics.get_mut("ttft") {
        d.p99 = None;
        d.beyond = Some(0.966);
    }
    phase
        .metrics
        .insert("error_rate".into(), value(Unit::Ratio, 0.034));
    case.assertions[0] = AssertionResult {
        verdict: Verdict::Fail,
        observed: None,
        margin: None,
        interval: [Some(611.0), None],
        reason: Some(
            "failed requests count as slower than everything, from the 96.6 % quantile on".into(),
        ),
        ..ttft_p99(0.0)
    };
    case.assertions[3] = error_rate(0.034);
    case
}

/// Text that tries to break out of every format there is.
pub const HOSTILE: &str = "</script><img src=x onerror=alert(1)>]]>\"'&|`*@team\u{1b}[31m\u{0}\u{fffe}\r\n| {{ 7*7 }} {% raw %}";

pub fn hostile() -> CaseResult {
    let mut case = case("hostile", Verdict::Fail);
    case.reason = Some(format!("reason {HOSTILE}"));
    case.yaml = format!("  - name: hostile\n    model: \"{HOSTILE}\"\n");
    case.kind = HOSTILE.into();
    case.source.file = format!("suites/{HOSTILE}.yaml");
    case.source.text = Some(HOSTILE.into());
    case.notes = vec![HOSTILE.into()];
    let phase = &mut case.phases[0];
    phase.model = Some(HOSTILE.into());
    phase.target = HOSTILE.into();
    phase.load.text = HOSTILE.into();
    phase.errors = vec![ErrorCount {
        kind: HOSTILE.into(),
        count: 1,
        example: HOSTILE.into(),
    }];
    phase.warnings = vec![Warning {
        text: HOSTILE.into(),
        remedy: HOSTILE.into(),
    }];
    phase.client.transport = HOSTILE.into();
    let metric = phase.metrics.get("ttft").expect("a metric").clone();
    phase.metrics.insert(HOSTILE.into(), metric);
    case.assertions[0].text = format!("ttft.p99 {HOSTILE}");
    case.assertions[0].verdict = Verdict::Fail;
    case.assertions[0].reason = Some(HOSTILE.into());
    case.assertions[0].source.text = Some(HOSTILE.into());
    case.baseline = Some(BaselineResult {
        standing: BaselineStanding::Compared,
        reason: None,
        file: None,
        candidate: None,
        accepted: BTreeMap::new(),
        identity: BTreeMap::from([("model".to_owned(), HOSTILE.to_owned())]),
        changes: vec![Change {
            metric: HOSTILE.into(),
            change: ChangeKind::Regressed,
            ratio: Some(1.2),
            interval: [Some(1.1), Some(1.3)],
            tolerance: Some(0.1),
            floor: None,
            unit: None,
            accepted: None,
            observed: None,
            accepted_runs: Vec::new(),
            observed_runs: Vec::new(),
            reason: None,
        }],
    });
    case
}

fn source(line: usize, column: usize, length: usize, text: &str) -> Source {
    Source {
        file: "suites/chat.yaml".into(),
        line,
        column: Some(column),
        length: Some(length),
        text: Some(text.into()),
    }
}

fn ttft_p99(observed: f64) -> AssertionResult {
    AssertionResult {
        interval: [Some(observed * 0.96), Some(observed * 1.06)],
        ..assertion(
            "ttft.p99 < 500ms",
            source(14, 9, 16, "      - ttft.p99 < 500ms"),
            Unit::Milliseconds,
            Some(observed),
            Some(500.0),
        )
    }
}

fn goodput(observed: f64) -> AssertionResult {
    let text = "goodput(ttft < 500ms, tpot < 40ms) >= 99%";
    let line = format!("      - \"{text}\"");
    let mut a = assertion(
        text,
        source(16, 10, 41, &line),
        Unit::Ratio,
        Some(observed),
        Some(0.99),
    );
    a.op = ">=".into();
    a.margin = Some(observed / 0.99 - 1.0);
    a.verdict = if observed >= 0.99 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    a.interval = [Some(observed - 0.011), Some((observed + 0.006).min(1.0))];
    a
}

fn error_rate(observed: f64) -> AssertionResult {
    AssertionResult {
        implicit: true,
        interval: [Some(observed * 0.5), Some(observed * 1.8)],
        ..assertion(
            "error_rate <= 1%",
            source(9, 11, 6, "  - name: steady"),
            Unit::Ratio,
            Some(observed),
            Some(0.01),
        )
    }
}

fn assertion(
    text: &str,
    source: Source,
    unit: Unit,
    observed: Option<f64>,
    limit: Option<f64>,
) -> AssertionResult {
    let margin = observed.zip(limit).map(|(o, l)| 1.0 - o / l);
    AssertionResult {
        text: text.into(),
        source,
        implicit: false,
        verdict: if margin.is_some_and(|m| m >= 0.0) {
            Verdict::Pass
        } else {
            Verdict::Fail
        },
        reason: None,
        observed,
        limit,
        op: text
            .split(' ')
            .find(|w| w.starts_with(['<', '>']))
            .unwrap_or("<")
            .into(),
        unit,
        margin,
        interval: observed.map_or([None, None], |o| [Some(o * 0.97), Some(o * 1.03)]),
        confidence: 0.95,
        borderline: false,
        kind: AssertionKind::Absolute,
        n: Some(1000),
        open: false,
        repeats: None,
        ratio: None,
        tells: None,
        repeats_to_settle: None,
        line: None,
    }
}

fn phase(slower: f64) -> PhaseResult {
    let metrics = BTreeMap::from([
        (
            "ttft".to_owned(),
            distribution(182.4 * slower, 0.42, 1000, 1),
        ),
        ("itl".to_owned(), distribution(19.3, 0.25, 198_734, 2)),
        ("tpot".to_owned(), distribution(19.9, 0.11, 1000, 3)),
        (
            "e2e_latency".to_owned(),
            distribution(4120.0 * slower.sqrt(), 0.3, 1000, 4),
        ),
        ("throughput".to_owned(), value(Unit::PerSecond, 19.84)),
        (
            "tokens_per_second".to_owned(),
            value(Unit::TokensPerSecond, 3961.2),
        ),
        ("error_rate".to_owned(), value(Unit::Ratio, 0.002)),
        ("concurrency".to_owned(), value(Unit::Count, 81.3)),
        (
            "output_tokens".to_owned(),
            match distribution(199.7, 0.24, 1000, 5) {
                MetricSummary::Distribution(mut d) => {
                    d.unit = Unit::Tokens;
                    d.histogram = None;
                    MetricSummary::Distribution(d)
                }
                v @ MetricSummary::Value(_) => v,
            },
        ),
    ]);
    let requests = RequestCounts {
        due: 1000,
        sent: 1000,
        ok: 998,
        failed: 2,
        cut: 0,
    };
    PhaseResult {
        name: "main".into(),
        target: "http://10.0.0.7:8000/v1".into(),
        model: Some("meta-llama/Llama-3.3-70B-Instruct".into()),
        load: LoadResult {
            text: "20/s poisson, 1000 requests".into(),
            concurrency: None,
            rate: Some(20.0),
            achieved_rate: Some(19.97),
        },
        window_s: 50.21,
        requests,
        runs: vec![RunPart {
            run: 0,
            salt: None,
            session: 0,
            window_s: 50.21,
            requests,
            metrics: metrics.clone(),
        }],
        metrics,
        itl_during: BTreeMap::new(),
        server: None,
        client: ClientHealth {
            transport: "lean".into(),
            stamps: Some("kernel".into()),
            send_lag: Some(Spread {
                p50: 0.041,
                p99: 0.38,
                max: 1.92,
            }),
            loop_delay: Some(Spread {
                p50: 0.06,
                p99: 0.41,
                max: 2.2,
            }),
            preparation_lag: Some(Spread {
                p50: 0.001,
                p99: 0.004,
                max: 0.11,
            }),
            cpu: Some(0.23),
            achieved_share: Some(1.0),
            own_error: Some(OwnError {
                measured_at: "2026-09-14T08:00:00Z".into(),
                streams: 64,
                ttft: Spread {
                    p50: 0.08,
                    p99: 0.61,
                    max: 3.1,
                },
                itl: Spread {
                    p50: 0.02,
                    p99: 0.22,
                    max: 1.4,
                },
                timer_200: Spread::default(),
                timer_10000: Spread::default(),
                tokens_per_second: 412_000.0,
            }),
            measuring_cpu: Some(0.19),
            core_wait: Some(0.004),
            machine_cpu: Some(0.61),
            throttled: Some(Throttling {
                periods: 600,
                throttled: 3,
                stopped_ms: 41.0,
                share: 0.0007,
            }),
            rss_bytes: Some(38_000_000),
            files: Some(Supply {
                most: 77,
                limit: Some(1024),
            }),
            ..ClientHealth::default()
        },
        tokens: TokenLengths {
            input: Some(AskedAndGot {
                n: 996,
                asked: 499_812,
                got: 499_812,
                ..AskedAndGot::default()
            }),
            output: Some(AskedAndGot {
                n: 996,
                asked: 199_431,
                got: 198_950,
                differ: 31,
                shorter: Some(30),
                longer: Some(1),
                asked_lengths: Some(LengthSummary {
                    mean: 200.232,
                    min: 51.0,
                    p50: 199.0,
                    p90: 264.5,
                    p99: 318.0,
                    max: 366.0,
                }),
                got_lengths: Some(LengthSummary {
                    mean: 199.749,
                    min: 7.0,
                    p50: 199.0,
                    p90: 264.0,
                    p99: 318.0,
                    max: 366.0,
                }),
                endings: vec![
                    Ending {
                        finish: "stop".into(),
                        shorter: 28,
                        longer: 0,
                    },
                    Ending {
                        finish: "length".into(),
                        shorter: 2,
                        longer: 1,
                    },
                ],
                estimated: false,
            }),
        },
        errors: vec![ErrorCount {
            kind: "total_timeout".into(),
            count: 2,
            example: "no end within 300 s".into(),
        }],
        warnings: vec![],
        labels: BTreeMap::new(),
        noise: vec![],
    }
}

pub fn value(unit: Unit, value: f64) -> MetricSummary {
    MetricSummary::Value(Value { unit, value })
}

/// Log-normal around `median`, drawn with a generator of our own so that it never changes.
fn distribution(median: f64, sigma: f64, n: u64, seed: u64) -> MetricSummary {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let drawn = 4000;
    let mut values: Vec<f64> = (0..drawn)
        .map(|_| {
            let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            median * (sigma * normal + 0.25 * sigma * normal.max(1.2) - 0.3 * sigma).exp()
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let q = |p: f64| Some(values[((drawn - 1) as f64 * p) as usize]);
    let mean = values.iter().sum::<f64>() / drawn as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (drawn - 1) as f64;
    let (lo, hi) = (values[0], values[drawn - 1]);
    let edges: Vec<f64> = (0..=60)
        .map(|i| lo * (hi / lo).powf(f64::from(i) / 60.0))
        .collect();
    let mut counts = vec![0; 60];
    for v in &values {
        let bin = edges.partition_point(|e| e <= v).clamp(1, 60) - 1;
        counts[bin] += 1;
    }
    let scale = n as f64 / drawn as f64;
    MetricSummary::Distribution(Distribution {
        unit: Unit::Milliseconds,
        n,
        mean: Some(mean),
        stddev: Some(variance.sqrt()),
        min: Some(lo),
        max: Some(hi),
        p50: q(0.5),
        p90: q(0.9),
        p95: q(0.95),
        p99: q(0.99),
        beyond: None,
        histogram: Some(Histogram {
            edges,
            counts: counts
                .into_iter()
                .map(|c: u64| (c as f64 * scale).round() as u64)
                .collect(),
        }),
    })
}

/// Series for every case that has a phase.
pub fn series(result: &RunResult) -> SeriesFile {
    SeriesFile {
        schema: SERIES_SCHEMA,
        cases: result
            .cases
            .iter()
            .filter(|c| !c.phases.is_empty())
            .map(|c| CaseSeries {
                slug: c.slug.clone(),
                phases: c
                    .phases
                    .iter()
                    .map(|p| PhaseSeries {
                        name: p.name.clone(),
                        runs: p.runs.iter().map(|_| run_series()).collect(),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn run_series() -> RunSeries {
    let wave =
        |i: usize, a: f64| 1.0 + a * (i as f64 * 0.7).sin() + a * 0.6 * (i as f64 * 1.9).cos();
    let ramp = |i: usize| (i as f64 / 6.0).min(1.0) * (((66 - i) as f64) / 5.0).min(1.0);
    let make = |level: f64, a: f64| -> Vec<Option<f64>> {
        (0..66)
            .map(|i| Some((level * wave(i, a) * ramp(i)).max(0.0)))
            .collect()
    };
    let mut ttft_p99 = make(380.0, 0.12);
    for v in ttft_p99.iter_mut().take(2) {
        *v = None;
    }
    RunSeries {
        server: None,
        ttft_heat: Some(heat()),
        interval_s: 1.0,
        window_s: [10.0, 60.21],
        series: BTreeMap::from([
            ("sent".to_owned(), make(20.0, 0.15)),
            ("completed".to_owned(), make(19.8, 0.1)),
            ("failed".to_owned(), failed(|i| i == 31 || i == 38)),
            (failed_of("total_timeout"), failed(|i| i == 31)),
            (failed_of("connect"), failed(|i| i == 38)),
            ("tokens_per_second".to_owned(), make(3960.0, 0.06)),
            ("in_flight".to_owned(), make(81.0, 0.09)),
            ("ttft_p50".to_owned(), make(182.0, 0.05)),
            ("ttft_p99".to_owned(), ttft_p99),
        ]),
    }
}

/// Two a second where `at` says so.
fn failed(at: impl Fn(usize) -> bool) -> Vec<Option<f64>> {
    (0..66)
        .map(|i| Some(if at(i) { 2.0 } else { 0.0 }))
        .collect()
}

fn heat() -> HeatSeries {
    let row = |column: usize, row: usize| {
        let far = row.abs_diff(6 + column % 3);
        (12_u64 >> far.min(60)).saturating_sub(u64::from(far > 2 && !column.is_multiple_of(4)))
    };
    HeatSeries {
        interval_s: 1.375,
        edges: (0..=16).map(|i| 40.0 * 1.25f64.powi(i)).collect(),
        counts: (0..48)
            .map(|c| (0..16).map(|r| row(c, r)).collect())
            .collect(),
    }
}
