//! Lengths, prefixes and tokenizers, as suites say them.

use super::tests::{load_text, one_scenario};
use super::*;

#[test]
fn lengths_of_every_distribution() {
    let input = |text: &str| {
        let suite = one_scenario(&format!(
            "load: {{ concurrency: 1 }}\nprompts: {{ type: synthetic, output_tokens: 5, input_tokens: {text} }}"
        ));
        match load_text(&suite)
            .unwrap()
            .scenarios
            .remove(0)
            .prompts
            .source
        {
            PromptSource::Synthetic { input_tokens, .. } => input_tokens,
            PromptSource::File { .. } => unreachable!(),
        }
    };
    assert_eq!(input("7"), Length::Fixed(7));
    assert_eq!(input("{ min: 3, max: 9 }"), Length::uniform(3, 9));
    let drawn = |shape, min, max| Length::Drawn { shape, min, max };
    assert_eq!(
        input("{ mean: 500, stddev: 100 }"),
        drawn(
            Shape::Normal {
                mean: 500.0,
                stddev: 100.0
            },
            1,
            1000
        )
    );
    assert_eq!(
        input("{ distribution: exponential, mean: 500 }"),
        drawn(Shape::Exponential { mean: 500.0 }, 1, 3000)
    );
    assert_eq!(
        input("{ distribution: zipf, s: 1.1, min: 16, max: 4000 }"),
        drawn(Shape::Zipf { s: 1.1 }, 16, 4000)
    );
    assert_eq!(
        input("{ distribution: lognormal, mean: 500, stddev: 100, min: 20, max: 4000 }"),
        drawn(
            Shape::LogNormal {
                mean: 500.0,
                stddev: 100.0
            },
            20,
            4000
        )
    );
}

/// What is made of a suite beside which `lengths.csv` lies.
fn load_beside_lengths(text: &str) -> Result<Suite, Vec<Diagnostic>> {
    let input = SuiteInput {
        path: "suites/a.yaml".to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    let options = LoadOptions {
        read_file: &|path| match path.to_str() {
            Some("suites/lengths.csv") => Ok("10 1\n100-200 3\n".to_owned()),
            _ => Err("no such file".to_owned()),
        },
        ..LoadOptions::default()
    };
    load(&[input], &options).map(|mut suites| suites.remove(0))
}

const WITH_LENGTHS: &str = "target: { url: \"sim://\", tokenizer: { tiktoken: cl100k_base } }
scenarios:
  - name: a
    kind: latency
    load: { concurrency: 1 }
    measure_only: true
    tokenizer: { file: model }
    prompts:
      type: synthetic
      input_tokens: { histogram: lengths.csv, min: 50 }
      output_tokens: { distribution: zipf, s: 2, max: 9 }
      prefix: { tokens: 2048, groups: 8, ratio: 75%, popularity: zipf(1.1) }
      length_tolerance: { share: 0%, tokens: 4 }
";

#[test]
fn lengths_from_a_file_prefixes_and_tokenizers() {
    let suite = load_beside_lengths(WITH_LENGTHS).unwrap();
    let scenario = &suite.scenarios[0];
    let PromptSource::Synthetic {
        input_tokens,
        prefix,
        ..
    } = &scenario.prompts.source
    else {
        panic!("{:?}", scenario.prompts);
    };
    assert_eq!(input_tokens.mean(), 150.0, "what lies below `min` is cut");
    assert_eq!(
        *prefix,
        Some(Prefix {
            tokens: 2048,
            groups: 8,
            ratio: 0.75,
            popularity: Popularity::Zipf(1.1)
        })
    );
    assert!(matches!(
        &scenario.target.tokenizer,
        TokenizerChoice::File { path, .. } if path.ends_with("suites/model")
    ));
    let tolerance = scenario.prompts.length_tolerance;
    assert!(tolerance.covers(1000, 1004) && !tolerance.covers(1000, 1005));
    assert!(LengthTolerance::default().covers(1000, 1010));
    assert!(!LengthTolerance::default().covers(100, 103));
    insta::assert_snapshot!(suite.resolved_yaml);
}

#[test]
fn a_file_of_lengths_that_cannot_be_used_is_named() {
    let missing = WITH_LENGTHS.replace("lengths.csv", "nowhere.csv");
    let problems = load_beside_lengths(&missing).unwrap_err();
    assert_eq!(
        problems[0].message,
        "cannot read suites/nowhere.csv: no such file"
    );
    let beyond = WITH_LENGTHS.replace("min: 50", "min: 300");
    let problems = load_beside_lengths(&beyond).unwrap_err();
    assert_eq!(
        problems[0].message,
        "suites/lengths.csv holds no length from 300 to 10000000"
    );
}

#[test]
fn only_what_shares_a_prefix_can_be_told_by_labels() {
    let with = |sla: &str| WITH_LENGTHS.replace("measure_only: true", &format!("sla: [\"{sla}\"]"));
    assert!(load_beside_lengths(&with("ttft{shared=true}.p50 < 1s")).is_ok());
    assert!(load_beside_lengths(&with("ttft{shared=true,group=3}.p50 < 1s")).is_ok());
    let said = |text: &str| load_beside_lengths(text).unwrap_err()[0].message.clone();
    assert_eq!(
        said(&with("ttft{shared=yes}.p50 < 1s")),
        "the label `shared` is never `yes`"
    );
    assert_eq!(
        said(&with("ttft{share=true}.p50 < 1s")),
        "requests of this scenario bear no label `share`"
    );
    let without = with("ttft{shared=true}.p50 < 1s").replace("      prefix:", "      # prefix:");
    assert_eq!(said(&without), "requests of this scenario bear no labels");
}
