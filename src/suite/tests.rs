use std::time::Duration;

use super::*;

/// Loads one suite called `chat.yaml`; `API_KEY` is set, and any engine is a good one.
fn load_text(text: &str) -> Result<Suite, String> {
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
        seed: None,
        target_url: None,
        validate_sim: &|_| Ok(()),
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
