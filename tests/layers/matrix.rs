//! One scenario written, several cases run.

use prony::plan::expand;
use prony::suite::{Arrivals, LoadShape, TargetUrl};

use crate::{load_with, options, scenario, with};

fn names(text: &str) -> Vec<String> {
    let suite = load_with(text, &options()).unwrap_or_else(|e| panic!("{e}"));
    suite.scenarios.into_iter().map(|s| s.case).collect()
}

/// A scenario whose requests are all that its matrix changes.
fn counting(matrix: &str) -> String {
    with(&[
        &format!("matrix: {matrix}"),
        "requests: ${matrix.n:-1}",
        "body: { note: \"${matrix.m:-}\", more: \"${matrix.o:-}\" }",
    ])
}

#[test]
fn every_combination_is_a_case_the_last_variable_changing_fastest() {
    assert_eq!(
        names(&counting("{ n: [1, 2], m: [a, b] }")),
        [
            "one[n=1,m=a]",
            "one[n=1,m=b]",
            "one[n=2,m=a]",
            "one[n=2,m=b]"
        ]
    );
    assert_eq!(
        names(&counting("{ m: [b, a], n: [7] }")),
        ["one[m=b,n=7]", "one[m=a,n=7]"]
    );
}

#[test]
fn a_value_may_be_any_part_of_any_setting() {
    let text = r#"
target: { url: "sim://" }
scenarios:
  - name: one
    kind: latency
    matrix: { c: [4, 16], preset: [fast], limit: [500ms, 1s], model: ["${MODEL}"], shape: [0.5] }
    target: { url: "sim://${matrix.preset}", model: "${matrix.model}", auth: { bearer: "${API_KEY}-${matrix.c}" } }
    load: { rate: "${matrix.c}/s", arrivals: "gamma(${matrix.shape})" }
    requests: ${matrix.c}00
    prompts: { type: synthetic, input_tokens: { mean: "${matrix.c}0", stddev: 1 }, output_tokens: 9 }
    sla: [ "ttft.p99 < ${matrix.limit}", "goodput(ttft < ${matrix.limit}) > 99%" ]
"#;
    let suite = load_with(text, &options()).unwrap_or_else(|e| panic!("{e}"));
    let last = &suite.scenarios[3];
    assert_eq!(
        last.case,
        "one[c=16,preset=fast,limit=1s,model=llama-8b,shape=0.5]"
    );
    assert_eq!(last.name, "one");
    assert_eq!(last.matrix[0], ("c".to_owned(), "16".to_owned()));
    assert_eq!(
        last.load.shape,
        LoadShape::Rate {
            per_second: 16.0,
            arrivals: Arrivals::Gamma(0.5)
        }
    );
    assert_eq!(last.requests, Some(1600));
    assert_eq!(last.sla[0].assertion.text, "ttft.p99 < 1s");
    assert!(matches!(&last.target.url, TargetUrl::Sim(engine) if engine.preset == "fast"));
    assert_eq!(last.target.model.as_deref(), Some("llama-8b"));
    let bearer = &last.target.headers[0].1;
    assert_eq!(bearer.value.as_deref(), Ok("Bearer sk-1234567890-16"));
    assert_eq!(bearer.shown, "Bearer ${API_KEY}-16");
    // The assertion stands where it is written, whatever its variables hold.
    assert_eq!(last.sla[0].location.line_column(), (11, 12));
}

#[test]
fn include_adds_values_to_combinations_or_combinations() {
    let text = counting(
        "{ n: [1, 2], m: [a, b], include: [{ m: a, o: x }, { n: 2, m: b, o: y }, { n: 3, m: c }, { n: 3 }] }",
    );
    assert_eq!(
        names(&text),
        [
            "one[n=1,m=a,o=x]",
            "one[n=1,m=b]",
            "one[n=2,m=a,o=x]",
            "one[n=2,m=b,o=y]",
            "one[n=3,m=c]",
            "one[n=3]"
        ]
    );
    assert_eq!(
        names(&counting("{ include: [{ n: 1, m: a }, { n: 5, m: b }] }")),
        ["one[n=1,m=a]", "one[n=5,m=b]"]
    );
}

#[test]
fn exclude_takes_combinations_away_before_include_adds() {
    let text = counting("{ n: [1, 2], m: [a, b], exclude: [{ n: 1 }], include: [{ n: 1, m: a }] }");
    assert_eq!(
        names(&text),
        ["one[n=2,m=a]", "one[n=2,m=b]", "one[n=1,m=a]"]
    );
}

#[test]
fn cases_have_slugs_of_their_full_names() {
    let suite = load_with(
        &counting("{ m: [a/b, a:b] }").replace("${matrix.n:-1}", "1"),
        &options(),
    );
    let cases = expand(&[suite.unwrap_or_else(|e| panic!("{e}"))]);
    let names: Vec<_> = cases.iter().map(|c| c.full_name()).collect();
    assert_eq!(names, ["chat::one[m=a/b]", "chat::one[m=a:b]"]);
    assert!(
        cases[0].slug.starts_with("chat-one-m-a-b-"),
        "{}",
        cases[0].slug
    );
    assert_ne!(cases[0].slug, cases[1].slug);
}

#[test]
fn what_a_run_writes_down_loads_as_the_same_cases() {
    let text = with(&[
        "matrix: { n: [1, 2], m: [\"a, b\"] }",
        "requests: ${matrix.n}",
        "body: { note: \"${matrix.m}\" }",
        "timeout: 10m",
        "skip: needs ${matrix.n} GPUs",
        "known_issue: { url: \"https://example.org/1\", until: 2030-01-31 }",
    ]);
    let suite = load_with(&text, &options()).unwrap_or_else(|e| panic!("{e}"));
    let again = load_with(&suite.resolved_yaml, &options()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.resolved_yaml, suite.resolved_yaml);
    for (a, b) in suite.scenarios.iter().zip(&again.scenarios) {
        assert_eq!(
            (&a.case, &a.name, a.requests),
            (&b.case, &b.name, b.requests)
        );
        assert_eq!((a.timeout, &a.skip), (b.timeout, &b.skip));
        assert_eq!(
            a.known_issue.as_ref().map(|i| (&i.url, i.until)),
            b.known_issue.as_ref().map(|i| (&i.url, i.until))
        );
    }
    assert_eq!(suite.scenarios[1].skip.as_deref(), Some("needs 2 GPUs"));
}

#[test]
fn a_suite_has_at_most_ten_thousand_cases() {
    let hundred: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let list = hundred.join(", ");
    let two = format!("{{ n: [{list}], m: [{list}] }}").replace("n: [0, ", "n: [200, ");
    assert_eq!(names(&counting(&two)).len(), 10_000);
    let three = format!("{{ n: [{list}], m: [{list}], o: [1, 2] }}");
    let refused = load_with(&counting(&three), &options()).expect_err("20,000 cases");
    assert!(refused.contains("makes 20000 cases"), "{refused}");
}

#[test]
fn a_problem_of_some_cases_names_one_and_that_of_all_does_not() {
    let text = scenario(&[
        "kind: latency",
        "target: { url: \"sim://\" }",
        "matrix: { c: [1, 0, 8] }",
        "load: { concurrency: \"${matrix.c}\" }",
        "sla: [ttft.p99 < 1]",
        "prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 }",
    ]);
    insta::assert_snapshot!(load_with(&text, &options()).expect_err("two problems"));
}
