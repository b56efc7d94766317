use std::time::Duration;

use super::*;

/// Loads one suite called `chat.yaml`; `API_KEY` is set, and any engine is a good one.
pub(super) fn load_text(text: &str) -> Result<Suite, String> {
    load_with(text, |_| {})
}

fn env(name: &str) -> Option<String> {
    match name {
        "API_KEY" => Some("sk-1234567890".into()),
        "N" => Some("12".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn load_with(text: &str, change: impl FnOnce(&mut LoadOptions<'_>)) -> Result<Suite, String> {
    let mut options = LoadOptions {
        env: &env,
        ..LoadOptions::default()
    };
    change(&mut options);
    let input = SuiteInput {
        path: "suites/chat.yaml".into(),
        bytes: text.into(),
    };
    load(&[input], &options)
        .map(|mut suites| suites.remove(0))
        .map_err(|d| render_all(&d, false))
}

const CHAT: &str = r#"
target:
  url: "${PRONY_TARGET:-sim://}"
  headers: { Authorization: "Bearer ${API_KEY}", X-Team: "${TEAM}" }
  gpus: 8
defaults:
  prompts: { type: synthetic, input_tokens: { mean: 500, stddev: 100 }, output_tokens: 200 }
  timeouts: { total: 100s }
scenarios:
  - name: steady
    kind: latency
    load: { rate: 20/s, arrivals: poisson }
    requests: 1000
    sla:
      - ttft.p99 < 500ms
      - tpot.p95 <= 40ms
      - "goodput(ttft < 500ms, tpot < 40ms) >= 99%"
  - name: closed
    kind: throughput
    load: { concurrency: 8 }
    sla: [ "tokens_per_second_per_gpu >= 100tok/s" ]
"#;

#[test]
fn a_suite_with_all_its_defaults() {
    let suite = load_text(CHAT).unwrap();
    assert_eq!(suite.name, "chat");
    let steady = &suite.scenarios[0];
    assert_eq!(steady.warmup, Duration::from_secs(10));
    assert_eq!(steady.duration, None);
    assert_eq!(steady.requests, Some(1000));
    assert_eq!(steady.drain, Duration::from_secs(100));
    assert_eq!(steady.timeouts.first_token, Duration::from_secs(100));
    assert_eq!(steady.timeouts.connect, Duration::from_secs(5));
    assert_eq!(steady.sla.len(), 3);
    assert_eq!(suite.scenarios[1].duration, Some(Duration::from_secs(60)));
    let headers = &steady.target.headers;
    assert_eq!(headers[0].1.value.as_deref(), Ok("Bearer sk-1234567890"));
    assert_eq!(headers[0].1.shown, "Bearer ${API_KEY}");
    assert_eq!(headers[1].1.value, Err("TEAM".to_owned()));
    assert_eq!(suite.secrets, [("API_KEY".into(), "sk-1234567890".into())]);
    let places: Vec<_> = steady
        .sla
        .iter()
        .map(|a| a.location.line_column())
        .collect();
    assert_eq!(places, [(15, 9), (16, 9), (17, 10)]);
}

#[test]
fn a_suite_written_out_loads_as_the_same_suite() {
    let suite = load_text(CHAT).unwrap();
    let again = load_text(&suite.resolved_yaml).unwrap();
    assert_eq!(again.resolved_yaml, suite.resolved_yaml);
    assert!(!suite.resolved_yaml.contains("sk-1234567890"));
    insta::assert_snapshot!(suite.resolved_yaml);
}

/// A suite of one scenario with `lines` in it, each indented as a setting.
pub(super) fn one_scenario(lines: &str) -> String {
    let lines: String = lines
        .lines()
        .map(|l| format!("    {}\n", l.trim_end()))
        .collect();
    format!(
        "target: {{ url: \"sim://\" }}\n\
         defaults:\n  prompts: {{ type: synthetic, input_tokens: 100, output_tokens: 20 }}\n  measure_only: true\n\
         scenarios:\n  - name: one\n    kind: latency\n{lines}"
    )
}

fn scenario(lines: &str) -> Scenario {
    load_text(&one_scenario(lines))
        .unwrap_or_else(|e| panic!("{e}"))
        .scenarios
        .remove(0)
}

#[test]
fn loads_of_every_shape() {
    let shape = |text: &str| scenario(text).load.shape;
    assert_eq!(shape("load: { concurrency: 3 }"), LoadShape::Concurrency(3));
    assert_eq!(
        shape("load: { rate: 90/min }"),
        LoadShape::Rate {
            per_second: 1.5,
            arrivals: Arrivals::Poisson
        }
    );
    assert_eq!(
        shape("load: { rate: 20 /s, arrivals: gamma(0.5), max_concurrency: 7 }"),
        LoadShape::Rate {
            per_second: 20.0,
            arrivals: Arrivals::Gamma(0.5)
        }
    );
    let staged = scenario(
        "load:\n  arrivals: constant\n  stages:\n    - { duration: 10s, rate: 5/s }\n    - { duration: 1m30s, rate: { from: 5/s, to: 20/s } }",
    );
    assert_eq!(staged.duration, Some(Duration::from_secs(100)));
    assert_eq!(
        staged.load.shape,
        LoadShape::Stages {
            arrivals: Arrivals::Constant,
            stages: vec![
                Stage {
                    duration: Duration::from_secs(10),
                    from: StageLevel::Rate(5.0),
                    to: StageLevel::Rate(5.0)
                },
                Stage {
                    duration: Duration::from_secs(90),
                    from: StageLevel::Rate(5.0),
                    to: StageLevel::Rate(20.0)
                },
            ]
        }
    );
    assert!(staged.load.is_open_loop());
    assert!(
        !scenario("load: { stages: [{ duration: 1s, concurrency: 3 }] }")
            .load
            .is_open_loop()
    );
}

#[test]
fn files_are_looked_for_beside_the_suite() {
    let scenario = scenario(
        "load: { concurrency: 1 }\nprompts: { type: file, path: data/chats.jsonl, output_tokens: 64, shuffle: true, salt: off }",
    );
    let PromptSource::File { location, .. } = &scenario.prompts.source else {
        panic!("a file: {:?}", scenario.prompts);
    };
    let text = &location.file.text[location.span.start..location.span.end];
    assert_eq!(text, "data/chats.jsonl");
    assert_eq!(
        scenario.prompts,
        Prompts {
            source: PromptSource::File {
                path: "suites/data/chats.jsonl".into(),
                location: location.clone(),
                output_tokens: Some(Length::Fixed(64)),
                shuffle: true
            },
            salt: SaltMode::Off,
            length_tolerance: LengthTolerance::default(),
        }
    );
}

#[test]
fn layers_replace_whole_or_combine_key_by_key() {
    let suite = load_text(
        r#"
target:
  url: http://host:8000/v1/
  headers: { X-One: "${A:-suite}", X-Two: "${A:-suite}" }
  body: { temperature: 0, top_p: 0.5 }
defaults:
  load: { rate: 5/s, arrivals: constant, max_concurrency: 9 }
  prompts: { type: synthetic, input_tokens: 100, output_tokens: 20 }
  timeouts: { connect: 1s, total: 10s }
  headers: { x-two: "${A:-defaults}" }
  body: { top_p: 0.9, ignore_eos: true }
  duration: 30s
  sla: [error_rate < 5%]
scenarios:
  - name: plain
    kind: latency
  - name: own
    kind: latency
    load: { rate: 7/s }
    timeouts: { total: 20s }
    body: { ignore_eos: false }
    stream: false
    requests: 10
  - name: staged
    kind: latency
    load: { stages: [{ duration: 5s, rate: 5/s }] }
  - name: elsewhere
    kind: latency
    target: { url: sim://fast, sim: { max_num_seqs: 4 } }
"#,
    )
    .unwrap();
    let [plain, own, staged, elsewhere] = &suite.scenarios[..] else {
        panic!("{}", suite.scenarios.len());
    };
    assert_eq!(plain.target.url.shown(), "http://host:8000/v1");
    let headers: Vec<_> = plain
        .target
        .headers
        .iter()
        .map(|(name, secret)| (name.as_str(), secret.value.clone().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("X-One", "suite".to_owned()),
            ("x-two", "defaults".to_owned())
        ]
    );
    let body = |s: &Scenario| serde_json::Value::Object(s.target.body.clone());
    assert_eq!(
        body(plain),
        serde_json::json!({ "temperature": 0, "top_p": 0.9, "ignore_eos": true })
    );
    assert_eq!(body(own)["ignore_eos"], false);
    assert!(plain.target.stream && !own.target.stream);
    assert_eq!(own.load.max_concurrency, None);
    assert_eq!(own.timeouts.connect, Duration::from_secs(1));
    assert_eq!(own.timeouts.total, Duration::from_secs(20));
    assert_eq!(
        (own.requests, own.duration),
        (Some(10), Some(Duration::from_secs(30)))
    );
    assert_eq!(plain.sla, own.sla);
    assert_eq!(staged.duration, Some(Duration::from_secs(5)));
    let TargetUrl::Sim(engine) = &elsewhere.target.url else {
        panic!("{:?}", elsewhere.target.url);
    };
    assert_eq!(
        (engine.preset.as_str(), engine.overrides.len()),
        ("fast", 1)
    );
    let names: Vec<_> = elsewhere
        .target
        .headers
        .iter()
        .map(|(n, _)| n.as_str())
        .collect();
    assert_eq!(names, ["x-two"]);
}

#[test]
fn a_variable_takes_the_type_of_its_value() {
    let scenario = scenario("load: { concurrency: \"${N}\" }\nrequests: ${N}0\nwarmup: ${W:-0s}");
    assert_eq!(scenario.load.shape, LoadShape::Concurrency(12));
    assert_eq!(scenario.requests, Some(120));
    assert_eq!(scenario.warmup, Duration::ZERO);
}

#[test]
fn quotes_make_text_in_a_body() {
    let scenario = scenario(
        "load: { concurrency: 1 }\nbody: { a: \"${N}\", b: \"5\", c: 5, d: ${N}, e: \"$${N}\", f: null, g: yes }"
            .replace("d: ${N}", "d: 12")
            .as_str(),
    );
    assert_eq!(
        serde_json::Value::Object(scenario.target.body),
        serde_json::json!({ "a": "12", "b": "5", "c": 5, "d": 12, "e": "${N}", "f": null, "g": "yes" })
    );
}

#[test]
fn an_empty_variable_is_empty_and_takes_a_default() {
    let model = |text: &str| {
        let text = format!(
            "target: {{ url: \"sim://\", model: \"{text}\" }}\n{}",
            one_scenario("load: { concurrency: 1 }")
                .split_once('\n')
                .unwrap()
                .1
        );
        load_text(&text).map(|s| s.scenarios[0].target.model.clone())
    };
    assert_eq!(model("a${EMPTY}b"), Ok(Some("ab".into())));
    assert_eq!(model("${EMPTY:-c}"), Ok(Some("c".into())));
    assert_eq!(
        model("$N ${N} $${N} $$ {"),
        Ok(Some("$N 12 ${N} $$ {".into()))
    );
}

#[test]
fn the_flags_stand_above_everything() {
    let text = r#"
target: { url: "${UNSET}", auth: { bearer: "${API_KEY}" } }
defaults: { seed: 1, stream: false, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }
scenarios:
  - { name: a, kind: latency, seed: 2, load: { concurrency: 1 }, measure_only: true }
  - { name: b, kind: latency, target: nowhere, load: { concurrency: 1 }, measure_only: true }
"#;
    let suite = load_with(text, |options| {
        options.seed = Some(3);
        options.target = Some("http://other:1/v1".into());
    })
    .unwrap();
    for scenario in &suite.scenarios {
        assert_eq!(scenario.seed, 3);
        assert_eq!(scenario.target.url.shown(), "http://other:1/v1");
        assert!(
            scenario.target.headers.is_empty(),
            "a key goes nowhere else"
        );
        assert!(!scenario.target.stream);
    }
    let wrong = load_with(text, |options| options.target = Some("other:1".into()));
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
    error: `--target` `other:1`: this address has no protocol
     |
     = help: write `http://other:1`
    ");
}

#[test]
fn secrets_are_gathered_and_never_written_out() {
    let text = r#"
secrets: [N, NOT_SET]
target:
  url: http://host:8000/v1
  model: "model-${N}"
  auth: { bearer: "${API_KEY}" }
  body: { pin: "${N}", other: 13 }
  headers: { X-Literal: "written-out", X-Later: "${LATER}" }
scenarios:
  - { name: a, kind: latency, load: { concurrency: 12 }, measure_only: true,
      prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }
"#;
    let suite = load_text(text).unwrap();
    assert_eq!(
        suite.secrets,
        [
            ("API_KEY".into(), "sk-1234567890".into()),
            ("X_LITERAL".into(), "written-out".into()),
            ("N".into(), "12".into()),
        ]
    );
    for hidden in ["sk-1234567890", "written-out", "model-12"] {
        assert!(
            !suite.resolved_yaml.contains(hidden),
            "{}",
            suite.resolved_yaml
        );
    }
    for shown in [
        "model: model-${N}",
        "Authorization: Bearer ${API_KEY}",
        "X-Literal: '***'",
        "X-Later: ${LATER}",
        "concurrency: 12",
    ] {
        assert!(
            suite.resolved_yaml.contains(shown),
            "{}",
            suite.resolved_yaml
        );
    }
    let shown = format!("{:?}", suite.scenarios[0].target);
    assert!(!shown.contains("sk-1234567890"), "{shown}");
}

#[test]
fn short_values_of_headers_are_not_looked_for_in_outputs() {
    let text = one_scenario("load: { concurrency: 1 }\nheaders: { X-Team: ml, X-N: \"${N}\" }");
    let suite = load_text(&text).unwrap();
    assert_eq!(suite.secrets, []);
    assert!(suite.resolved_yaml.contains("X-Team: '***'"));
    assert!(suite.resolved_yaml.contains("X-N: ${N}"));
}

#[test]
fn two_suites_of_one_name_are_an_error() {
    let text = one_scenario("load: { concurrency: 1 }");
    let input = |path: &str| SuiteInput {
        path: path.into(),
        bytes: text.clone().into(),
    };
    let options = LoadOptions {
        env: &env,
        ..LoadOptions::default()
    };
    let problems = load(&[input("a/chat.yaml"), input("b/chat.yml")], &options).unwrap_err();
    insta::assert_snapshot!(render_all(&problems, false), @r#"
    error: there are two suites of the name `chat`
     --> b/chat.yml:1:1
      |
    1 | target: { url: "sim://" }
      | ^
      |
      = note: the other one stands here: a/chat.yaml:1:1
      = help: give one of them another name with `suite:`
    "#);
}

#[test]
fn a_broken_suite_does_not_hide_the_good_ones() {
    let options = LoadOptions {
        env: &env,
        ..LoadOptions::default()
    };
    let input = |path: &str, text: &str| SuiteInput {
        path: path.into(),
        bytes: text.into(),
    };
    let good = one_scenario("load: { concurrency: 1 }");
    let files = [
        input("one.yaml", &good),
        input("two.yaml", "scenarios: 5"),
        input("sub/one.yaml", &good),
        input("three.yaml", &good),
    ];
    let each = load_each(&files, &options).unwrap();
    let good: Vec<_> = each.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, false, true]);
}

#[test]
fn the_lines_of_a_scenario_are_kept_as_written() {
    let suite = load_text(&one_scenario("load: { concurrency: 1 }  # one\n\n\n")).unwrap();
    assert_eq!(
        suite.scenarios[0].yaml,
        "  - name: one\n    kind: latency\n    load: { concurrency: 1 }  # one"
    );
    assert_eq!(suite.scenarios[0].location.line_column(), (6, 11));
}

#[test]
fn a_failed_assertion_is_pointed_at_by_its_text() {
    let texts = [
        ("- ttft.p99 < 1s", Some("ttft.p99")),
        ("- 'ttft.p99 < 1s'", Some("ttft.p99")),
        ("- \"ttft.p99 < 1s\"  # ok", Some("ttft.p99")),
        ("- \"ttft.p99\\x20< 1s\"", None),
        ("- ttft.p99 < ${L:-1s}", None),
    ];
    for (line, at) in texts {
        let text = one_scenario(&format!(
            "load: {{ rate: 1/s }}\nmeasure_only: false\nsla:\n  {line}"
        ));
        let suite = load_text(&text).unwrap_or_else(|e| panic!("{e}"));
        let sla = &suite.scenarios[0].sla[0];
        let place = sla.place(&sla.assertion.lhs.span);
        let shown = &text[place.span.start..place.span.end];
        match at {
            Some(at) => assert_eq!(shown, at, "{line}"),
            None => assert_eq!(shown, line.trim_start_matches("- "), "{line}"),
        }
    }
}

#[test]
fn dos_line_breaks_and_a_byte_order_mark_do_no_harm() {
    let text = one_scenario("load: { concurrency: 1 }").replace('\n', "\r\n");
    let suite = load_text(&format!("\u{feff}{text}")).unwrap();
    assert_eq!(suite.scenarios[0].location.line_column(), (6, 11));
    assert_eq!(suite.scenarios[0].location.line_text(), "  - name: one");
    assert!(!suite.scenarios[0].yaml.ends_with('\r'));
}

#[test]
fn a_folder_without_suites_is_a_problem_without_a_place() {
    insta::assert_snapshot!(Diagnostic::folder_without_suites("suites/"), @r"
    error: there is no suite in `suites/`
     |
     = help: suites are files that end in `.yaml` or `.yml`; name another file or folder
    ");
}

#[test]
fn colours_are_there_when_asked_for() {
    let problem = Diagnostic::new("wrong").help("mend it");
    assert!(problem.render(true).contains('\u{1b}'));
    assert!(!problem.render(false).contains('\u{1b}'));
}

#[test]
fn a_snippet_needs_no_file() {
    let snippet = Snippet {
        file: "suites/chat.yaml".into(),
        line: 41,
        column: 9,
        length: 16,
        text: "      - ttft.p99 < 500ms".into(),
    };
    let notes = [
        ("observed", "612 ms".to_owned()),
        ("help", "prony run -- chat::steady --exact".to_owned()),
    ];
    insta::assert_snapshot!(
        render_snippet("fail", "ttft.p99 is 112 ms over its limit", Some(&snippet), &notes, false),
        @r"
    fail: ttft.p99 is 112 ms over its limit
      --> suites/chat.yaml:41:9
       |
    41 |       - ttft.p99 < 500ms
       |         ^^^^^^^^^^^^^^^^
       |
       = observed: 612 ms
       = help: prony run -- chat::steady --exact
    "
    );
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    fn try_load(bytes: Vec<u8>) {
        let options = LoadOptions {
            env: &env,
            ..LoadOptions::default()
        };
        let path = "fuzz.yaml".to_owned();
        if let Err(problems) = load(&[SuiteInput { path, bytes }], &options) {
            assert!(!problems.is_empty());
            assert!(!render_all(&problems, false).is_empty());
        }
    }

    proptest! {
        #[test]
        fn are_loaded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            try_load(bytes);
        }

        #[test]
        fn of_a_damaged_suite_are_loaded_or_refused(
            at in 0..CHAT.len(),
            length in 0usize..12,
            put in "[\\[\\]{}:,&*#|>\"'$%!?\t\n a-zé-]{0,6}",
        ) {
            let mut bytes = CHAT.as_bytes().to_vec();
            bytes.splice(at..(at + length).min(CHAT.len()), put.bytes());
            try_load(bytes);
        }

        #[test]
        fn of_a_suite_cut_short_are_loaded_or_refused(at in 0..CHAT.len()) {
            try_load(CHAT.as_bytes()[..at].to_vec());
        }
    }
}

/// All keys of a scenario that are read.
const KEYS: [&str; 39] = [
    "name",
    "matrix",
    "timeout",
    "skip",
    "known_issue",
    "kind",
    "target",
    "load",
    "search",
    "sweep",
    "cache",
    "targets",
    "interference",
    "requests",
    "duration",
    "warmup",
    "drain",
    "timeouts",
    "repeats",
    "seed",
    "prompts",
    "sla",
    "baseline",
    "measure_only",
    "confidence",
    "undecided",
    "extend",
    "noise",
    "allow_errors",
    "client",
    "restart",
    "before",
    "after",
    "between",
    "scrape",
    "stream",
    "tokenizer",
    "headers",
    "body",
];

#[test]
fn a_scenario_of_a_later_kind_knows_the_same_keys() {
    for key in KEYS {
        for kind in ["latency", "cache"] {
            let rest = if key == "kind" { "" } else { "kind: " };
            let kind_line = if rest.is_empty() {
                String::new()
            } else {
                format!("{rest}{kind}")
            };
            let text = format!(
                "target: {{ url: \"sim://\" }}\nscenarios:\n  - {{ {key}: 5, {kind_line} }}\n"
            );
            let seen = load_text(&text).unwrap_err();
            assert!(!seen.contains("is not known here"), "{seen}");
        }
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = format!(
        "{}# {}",
        one_scenario("load: { concurrency: 1 }"),
        "x".repeat(5 << 20)
    );
    assert!(load_text(&text).unwrap_err().contains("larger than 4 MiB"));
}

#[test]
fn a_long_line_is_cut_around_its_caret() {
    let text = one_scenario(&format!(
        "load: {{ concurrency: 1 }}\nbody: {{ a: \"{}\", stream: true }}",
        "x".repeat(3000)
    ));
    let seen = load_text(&text).unwrap_err();
    assert!(seen.contains("stream") && seen.contains('^'), "{seen}");
    assert!(
        seen.lines().all(|line| line.chars().count() < 200),
        "{seen}"
    );
}
