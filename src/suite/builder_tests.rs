use super::*;
use crate::runner::load_options;

fn small() -> Suite {
    Suite::new("chat").target("sim://").scenario(
        Scenario::latency("steady")
            .rate("20/s")
            .arrivals("poisson")
            .requests(50)
            .warmup(Duration::from_millis(500))
            .input_tokens(Value::map([("mean", 200), ("stddev", 40)]))
            .output_tokens(24)
            .sla("ttft.p95 < 500ms")
            .sla("goodput(ttft < 1s, tpot < 40ms) >= 90%"),
    )
}

#[test]
fn a_suite_is_written_as_yaml() {
    insta::assert_snapshot!(small().to_yaml(), @r#"
    "suite": "chat"
    "target":
      "url": "sim://"
    scenarios:
      - "name": "steady"
        "kind": "latency"
        "load":
          "rate": "20/s"
          "arrivals": "poisson"
        "requests": 50
        "warmup": "500ms"
        "prompts":
          "type": "synthetic"
          "input_tokens": {"mean":200,"stddev":40}
          "output_tokens": 24
        sla:
          - "ttft.p95 < 500ms"
          - "goodput(ttft < 1s, tpot < 40ms) >= 90%"
    "#);
}

#[test]
fn it_loads_as_the_same_suite_from_a_file_does() {
    let options = load_options(None, None);
    let built = small().load(&options).unwrap();
    let input = SuiteInput {
        path: "chat.yaml".to_owned(),
        bytes: built.resolved_yaml.clone().into_bytes(),
    };
    let read = load(&[input], &options).unwrap().remove(0);
    assert_eq!(read.resolved_yaml, built.resolved_yaml);
    assert_eq!(read.scenarios[0].load, built.scenarios[0].load);
    assert_eq!(read.scenarios[0].warmup, Duration::from_millis(500));
}

#[test]
fn assertions_stand_where_they_were_called() {
    let line = line!() + 5;
    let suite = Suite::new("a").target("sim://").scenario(
        Scenario::latency("b")
            .concurrency(1)
            .requests(5)
            .sla("ttft.p95 < 500ms")
            .input_tokens(10)
            .output_tokens(5),
    );
    let suite = suite.load(&load_options(None, None)).unwrap();
    let place = &suite.scenarios[0].sla[0].location;
    assert!(place.file.path.ends_with("builder_tests.rs"));
    assert_eq!(place.line_column().0, line as usize);
    assert_eq!(place.line_text().trim_start(), "sla(\"ttft.p95 < 500ms\")");
    let marked = &place.file.text[place.span.start..place.span.end];
    assert!(marked.contains("ttft.p95 < 500ms"), "{marked}");
}

#[test]
fn every_problem_names_its_call() {
    let suite = Suite::new("a").target("sim://").scenario(
        Scenario::latency("b")
            .rate("20")
            .set("warmpu", "5s")
            .requests(10)
            .requests(20)
            .input_tokens(10)
            .output_tokens(5)
            .sla("ttft.p95 < 500"),
    );
    let shown = |suite: &Suite| {
        let problems = suite.load(&load_options(None, None)).unwrap_err();
        super::super::render_all(&problems, false)
    };
    let text = shown(&suite);
    assert!(text.contains("requests(20)"), "{text}");
    let suite = Suite::new("a").target("sim://").scenario(
        Scenario::latency("b")
            .rate("20")
            .set("warmpu", "5s")
            .requests(10)
            .input_tokens(10)
            .output_tokens(5)
            .sla("ttft.p95 < 500"),
    );
    let text = shown(&suite);
    for call in [
        "rate(\"20\")",
        "set(\"warmpu\", \"5s\")",
        "sla(\"ttft.p95 < 500\")",
    ] {
        assert!(text.contains(call), "{call}: {text}");
    }
    assert!(text.contains("src/suite/builder_tests.rs:"), "{text}");
}

#[test]
fn names_and_texts_cannot_break_out_of_the_yaml() {
    let hostile = "x\"\n- evil: { # ' \u{7} \\";
    let suite = Suite::new("a").set(hostile, hostile);
    let options = load_options(None, None);
    let problems = suite.load(&options).unwrap_err();
    let text = super::super::render_all(&problems, false);
    assert!(text.contains("evil") && !text.contains("YAML"), "{text}");
}

#[test]
fn headers_are_not_shown_in_calls() {
    let suite = small().header("Authorization", "Bearer sk-secret");
    let loaded = suite.load(&load_options(None, None)).unwrap();
    assert!(!loaded.resolved_yaml.contains("sk-secret"));
    let twice = suite.header("Authorization", "Bearer sk-other");
    let problems = twice.load(&load_options(None, None)).unwrap_err();
    let text = super::super::render_all(&problems, false);
    assert!(
        text.contains("header(\"Authorization\"") && !text.contains("sk-"),
        "{text}"
    );
}
