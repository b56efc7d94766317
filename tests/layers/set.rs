//! `--set key=value`.

use prony::suite::{Arrivals, Length, LoadOptions, LoadShape, PromptSource, Scenario};

use crate::{load_with, options, with};

fn set(text: &str, arguments: &[&str]) -> Result<Scenario, String> {
    let options = LoadOptions {
        set: arguments.iter().map(|&a| a.to_owned()).collect(),
        ..options()
    };
    load_with(text, &options).map(|mut suite| suite.scenarios.remove(0))
}

fn well(text: &str, arguments: &[&str]) -> Scenario {
    set(text, arguments).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn one_value_changes_and_its_neighbours_stay() {
    let one = well(
        &with(&[]),
        &[
            "load.rate=40/s",
            "prompts.input_tokens.mean=7",
            "prompts.input_tokens.stddev=0",
            "target.model=a=b",
        ],
    );
    assert_eq!(
        one.load.shape,
        LoadShape::Rate {
            per_second: 40.0,
            arrivals: Arrivals::Constant
        }
    );
    assert_eq!(one.load.max_concurrency, Some(9));
    let PromptSource::Synthetic {
        input_tokens,
        output_tokens,
        ..
    } = one.prompts.source
    else {
        panic!("{:?}", one.prompts);
    };
    assert_eq!(
        (input_tokens.mean(), output_tokens),
        (7.0, Length::Fixed(20))
    );
    assert_eq!(one.target.model.as_deref(), Some("a=b"));
    assert_eq!(one.target.url.shown(), "sim://");
}

#[test]
fn one_way_to_say_the_level_of_a_load_replaces_the_others() {
    let closed = well(&with(&[]), &["load.concurrency=4"]);
    assert_eq!(closed.load.shape, LoadShape::Concurrency(4));
    assert_eq!(closed.load.max_concurrency, None);
    let staged = well(
        &with(&["duration: 3s"]),
        &["load.stages=[{ duration: 5s, rate: 1/s }]"],
    );
    assert_eq!(staged.duration.map(|d| d.as_secs()), Some(5));
    assert_eq!(staged.load.max_concurrency, Some(9));
}

#[test]
fn whole_settings_and_those_that_combine() {
    let one = well(
        &with(&["timeouts: { total: 10s }", "body: { a: 1, b: 2 }"]),
        &[
            "timeouts.connect=1s",
            "body.b=x",
            "load={ concurrency: 2 }",
            "measure_only=false",
            "sla=[ttft.p99 < 1s]",
            "warmup=0s",
        ],
    );
    assert_eq!(
        (one.timeouts.connect.as_secs(), one.timeouts.total.as_secs()),
        (1, 10)
    );
    assert_eq!(one.target.body["a"], 1);
    assert_eq!(one.target.body["b"], "x");
    assert_eq!(one.load.shape, LoadShape::Concurrency(2));
    assert_eq!(one.sla[0].assertion.text, "ttft.p99 < 1s");
    assert!(one.warmup.is_zero());
}

#[test]
fn it_fills_in_what_a_scenario_lacks() {
    let bare = "scenarios:\n  - { name: one, kind: latency, measure_only: true, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }\n";
    let options = LoadOptions {
        set: vec!["load.concurrency=2".into()],
        target: Some("sim://".into()),
        ..options()
    };
    let suite = load_with(bare, &options).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(suite.scenarios[0].load.shape, LoadShape::Concurrency(2));
}

#[test]
fn what_is_wrong_is_shown_in_the_argument() {
    for (name, arguments) in [
        ("set_unit", &["load.rate=40"][..]),
        ("set_key", &["laod.rate=40/s"]),
        ("set_inner_key", &["load.rat=40/s"]),
        ("set_no_value", &["warmup=", "warmup"]),
        ("set_twice", &["load.rate=4/s", "load={ rate: 5/s }"]),
        ("set_yaml", &["load={ rate: 5/s"]),
        ("set_url", &["target.url=http://other/v1"]),
        ("set_name", &["name=two", "matrix={ a: [1] }", ".rate=5"]),
        ("set_type", &["prompts.shuffle=yes"]),
        (
            "set_variable",
            &["warmup=${WARMUP}", "requests=${matrix.n}"],
        ),
    ] {
        insta::assert_snapshot!(name, set(&with(&[]), arguments).expect_err(name));
    }
}
