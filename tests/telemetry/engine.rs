//! What prony reads of the embedded engine is what the engine did.

use crate::place::{Place, said, statistic, value};

/// More than the engine can batch, so that it queues; two replicas.
const BUSY: &str = r#"
suite: busy
target:
  url: "sim://quick"
  sim: { topology: { replicas: 2, router: least_outstanding }, scheduler.max_num_seqs: 4 }
scenarios:
  - name: main
    kind: throughput
    load: { concurrency: 24 }
    duration: 20s
    warmup: 5s
    prompts: { type: synthetic, input_tokens: { mean: 80, stddev: 30 }, output_tokens: { min: 3, max: 30 } }
    sla:
      - queue_depth.max < 17
      - queue_depth.mean > 8
      - running.max <= 8
      - preemptions <= 0
      - server_ttft.mean > 0ms
      - replica_skew < 150%
      - "running{replica=1}.max <= 4"
"#;

#[test]
fn in_virtual_time_counters_are_the_engines_own_truth() {
    let place = Place::new(BUSY);
    let output = place.prony(&["run", "--virtual", "suite.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = place.summary();
    let phase = &summary["cases"][0]["phases"][0];
    assert_eq!(phase["server"]["engine"], "vllm");
    assert_eq!(phase["server"]["failed"], 0);
    assert_eq!(
        phase["warnings"].as_array().map(Vec::len),
        Some(0),
        "{phase:#}"
    );

    // The window is 5 s to 25 s, and looks fall on its edges: nothing is interpolated.
    let (from, until) = (5_000_000, 25_000_000);
    let records = place.requests();
    let inside = |t: u64| from < t && t <= until;
    let (mut prompt, mut generated, mut ended) = (0, 0, 0);
    let (mut ttft, mut e2e, mut firsts) = (0.0, 0.0, 0);
    for r in &records {
        let (Some(sent), Some(first)) = (r.sent_us, r.first_us) else {
            continue;
        };
        if inside(first) {
            prompt += r.input_tokens.expect("counted");
            ttft += (first - sent) as f64 / 1e3;
            firsts += 1;
        }
        let mut at = first;
        for chunk in &r.chunks {
            at += chunk.gap_us;
            if inside(at) {
                generated += u64::from(chunk.tokens.unwrap_or(1));
            }
        }
        if let Some(end) = r.end_us.filter(|t| inside(*t) && r.ok()) {
            e2e += (end - sent) as f64 / 1e3;
            ended += 1;
        }
    }
    assert!(ended > 200, "a window that says something: {ended}");
    assert_eq!(value(phase, "server_prompt_tokens"), prompt as f64);
    assert_eq!(value(phase, "server_generation_tokens"), generated as f64);
    assert_eq!(value(phase, "server_requests"), f64::from(ended));
    let close = |a: f64, b: f64| assert!((a - b).abs() < 0.002, "{a} {b}");
    close(
        statistic(phase, "server_ttft", "mean"),
        ttft / f64::from(firsts),
    );
    close(
        statistic(phase, "server_e2e_latency", "mean"),
        e2e / f64::from(ended),
    );
    assert_eq!(statistic(phase, "server_ttft", "n"), f64::from(firsts));

    // At every look what runs and what waits is what is under way, but for what is on its way in or out.
    let (mut on_the_way, mut looks) = (0.0, 0.0);
    let in_time = |at: i64| (1..=until).contains(&at.unsigned_abs()) && at > 0;
    for scrape in place.scrapes().iter().filter(|s| in_time(s.at_us)) {
        let at = scrape.at_us.unsigned_abs();
        let under_way = records
            .iter()
            .filter(|r| r.sent_us.is_some_and(|t| t <= at) && r.end_us.is_some_and(|t| t >= at))
            .count() as f64;
        let told: f64 = scrape
            .replicas
            .values()
            .map(|r| r.values["running"] + r.values["queue_depth"])
            .sum();
        assert!(told <= under_way, "{told} of {under_way} at {at} µs");
        on_the_way += under_way - told;
        looks += 1.0;
    }
    assert!(
        looks >= 25.0 && on_the_way / looks < 2.0,
        "{}",
        on_the_way / looks
    );
    assert!(phase["server"]["replicas"]["1"]["running"].is_object());
    let series = &place.metrics()["cases"][0]["phases"][0]["runs"][0]["server"];
    let looks = series["at_s"].as_array().expect("times").len();
    assert_eq!(looks, place.scrapes().len());
    for name in ["queue_depth", "kv_usage", "queue_depth{replica=0}"] {
        let course = series["series"][name].as_array();
        assert_eq!(course.map(Vec::len), Some(looks), "{name}");
    }
}

#[test]
fn every_report_shows_what_the_server_said() {
    let place = Place::new(BUSY);
    let output = place.prony(&["run", "--virtual", "suite.yaml", "--html", "report.html"]);
    let console = said(&output);
    assert_eq!(output.status.code(), Some(0), "{console}");
    let html = place.read("report.html");
    for text in [
        "The server of itself",
        "Names of vllm; 27 looks, one every 1.00 s.",
        "Queue inside the server",
        "Cache inside the server",
        "<code>queue_depth{replica=1}</code>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let output = place.prony(&["report", "results/latest", "--format", "markdown"]);
    let markdown = place.read(String::from_utf8_lossy(&output.stdout).trim());
    assert!(
        markdown.contains("What the server counted of itself"),
        "{markdown}"
    );
    assert!(markdown.contains("server (vllm): queue "), "{markdown}");
}

/// Prompts of which three quarters are a prefix that all share.
fn shared_prefixes(place: &Place) {
    let prefix: String = (0..192).map(|i| format!("word{i} ")).collect();
    let lines: String = (0..400)
        .map(|i| {
            let own: String = (0..64).map(|k| format!("own{i}x{k} ")).collect();
            format!("{{\"prompt\": \"{prefix}{own}\", \"output_tokens\": 4}}\n")
        })
        .collect();
    place.file("shared.jsonl", &lines);
}

const CACHE: &str = r#"
suite: cache
target: { url: "sim://quick" }
scenarios:
  - name: main
    kind: throughput
    load: { concurrency: 4 }
    duration: 3s
    warmup: 1s
    scrape: { interval: 200ms }
    prompts: { type: file, path: shared.jsonl, salt: off }
    sla:
      - cache_hit_ratio >= 30%
      - cached_token_ratio >= 30%
"#;

fn agrees(arguments: &[&str]) {
    let place = Place::new(CACHE);
    shared_prefixes(&place);
    let output = place.prony(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = place.summary();
    let phase = &summary["cases"][0]["phases"][0];
    let by_counters = value(phase, "cache_hit_ratio");
    let by_usage = value(phase, "cached_token_ratio");
    assert!(
        (by_counters - by_usage).abs() < 0.01,
        "{by_counters} {by_usage}"
    );
    assert_eq!(phase["server"]["failed"], 0);
}

#[test]
fn both_accounts_of_the_prefix_cache_agree_in_virtual_time() {
    agrees(&["run", "--virtual", "suite.yaml"]);
}

#[test]
fn both_accounts_of_the_prefix_cache_agree_over_tcp() {
    agrees(&["run", "suite.yaml"]);
}

#[test]
fn nobody_looks_where_that_is_asked_for() {
    let place = Place::new(
        &CACHE
            .replace("{ interval: 200ms }", "off")
            .replace("      - cache_hit_ratio >= 30%\n", ""),
    );
    shared_prefixes(&place);
    let output = place.prony(&["run", "--virtual", "suite.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!place.case().join("telemetry.jsonl").exists());
    assert!(place.summary()["cases"][0]["phases"][0]["server"].is_null());
}
