//! `prony.yaml`: targets with names, defaults, profiles.

use prony::suite::{LoadOptions, load_each};

use crate::{file, load_with, options, with};

const PROJECT: &str = r#"
targets:
  local: { url: "http://localhost:8000/v1", model: llama-8b }
  staging: { url: "${STAGING}", auth: { bearer: "${API_KEY}" } }
  lab: { url: "http://lab:8000/v1", auth: { bearer: "${API_KEY}" } }
defaults: { warmup: 5s, target: local }
profiles:
  quick: { duration: 3s, warmup: 1s }
  nightly: { duration: 10m, repeats: 5, target: staging }
secrets: [MODEL]
"#;

fn project(text: &str) -> LoadOptions<'static> {
    LoadOptions {
        project: Some(file("prony.yaml", text)),
        ..options()
    }
}

fn no_target() -> String {
    with(&[]).replace("    target: { url: \"sim://\" }\n", "")
}

#[test]
fn suites_start_from_its_defaults_and_name_its_targets() {
    let suite = load_with(&no_target(), &project(PROJECT)).unwrap_or_else(|e| panic!("{e}"));
    let one = &suite.scenarios[0];
    assert_eq!(one.warmup.as_secs(), 5);
    assert_eq!(one.target.url.shown(), "http://localhost:8000/v1");
    assert_eq!(one.target.model.as_deref(), Some("llama-8b"));
    let suite = load_with(&format!("target: lab\n{}", no_target()), &project(PROJECT));
    let suite = suite.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(suite.scenarios[0].target.url.shown(), "http://lab:8000/v1");
    assert!(
        suite
            .secrets
            .contains(&("API_KEY".into(), "sk-1234567890".into()))
    );
    assert!(suite.secrets.contains(&("MODEL".into(), "llama-8b".into())));
    assert!(!suite.resolved_yaml.contains("sk-1234567890"));
}

#[test]
fn a_profile_stands_over_the_defaults_and_multiplies_nothing() {
    let quick = LoadOptions {
        profile: Some("quick".into()),
        ..project(PROJECT)
    };
    let suite = load_with(&no_target(), &quick).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(suite.scenarios.len(), 1);
    let one = &suite.scenarios[0];
    assert_eq!(
        (one.warmup.as_secs(), one.duration.map(|d| d.as_secs())),
        (1, Some(3))
    );
}

#[test]
fn the_flag_takes_a_name_with_its_keys_or_an_address_without_any() {
    let flagged = |target: &str| LoadOptions {
        target: Some(target.into()),
        ..project(PROJECT)
    };
    let suite = load_with(&with(&[]), &flagged("lab")).unwrap_or_else(|e| panic!("{e}"));
    let target = &suite.scenarios[0].target;
    assert_eq!(target.url.shown(), "http://lab:8000/v1");
    assert_eq!(
        target.headers[0].1.value.as_deref(),
        Ok("Bearer sk-1234567890")
    );
    let suite =
        load_with(&with(&[]), &flagged("http://other/v1")).unwrap_or_else(|e| panic!("{e}"));
    assert!(suite.scenarios[0].target.headers.is_empty());
    insta::assert_snapshot!(
        "flag_names_no_target",
        load_with(&with(&[]), &flagged("lba")).expect_err("no such target")
    );
    let bare = LoadOptions {
        target: Some("lab".into()),
        ..options()
    };
    insta::assert_snapshot!(
        "flag_without_project",
        load_with(&with(&[]), &bare).expect_err("no prony.yaml")
    );
}

#[test]
fn a_variable_that_is_not_set_matters_where_its_target_is_used() {
    let used = format!("target: staging\n{}", no_target());
    insta::assert_snapshot!(
        "unset_in_a_target",
        load_with(&used, &project(PROJECT)).expect_err("STAGING is not set")
    );
    let nightly = LoadOptions {
        profile: Some("nightly".into()),
        ..project(PROJECT)
    };
    let by_profile = load_with(&no_target(), &nightly).expect_err("STAGING is not set");
    assert!(by_profile.contains("`STAGING` is not set"), "{by_profile}");
    // With an address on the command line nobody asks.
    let elsewhere = LoadOptions {
        target: Some("sim://".into()),
        ..nightly
    };
    assert!(load_with(&used, &elsewhere).is_ok());
}

#[test]
fn a_profile_that_does_not_exist_is_an_error() {
    let unknown = LoadOptions {
        profile: Some("quik".into()),
        ..project(PROJECT)
    };
    insta::assert_snapshot!(
        "unknown_profile",
        load_with(&no_target(), &unknown).expect_err("no such profile")
    );
    let bare = LoadOptions {
        profile: Some("quick".into()),
        ..options()
    };
    insta::assert_snapshot!(
        "profile_without_project",
        load_with(&with(&[]), &bare).expect_err("no prony.yaml")
    );
}

#[test]
fn its_problems_come_with_those_of_the_suites_each_once() {
    let wrong = r#"
targets:
  lab: { url: "lab:8000", modle: x }
  "a b": { url: "sim://" }
default: { warmup: 5s }
profiles:
  quick: { duration: 3 }
  slow: { matrix: { c: [1] } }
policies: { undecided: fail }
"#;
    let suite = "target: lba\nscenarios:\n  - { name: one, kind: latency, load: { rate: 5 }, measure_only: true, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }\n";
    let options = project(wrong);
    insta::assert_snapshot!(
        "wrong_project",
        load_with(suite, &options).expect_err("many problems")
    );
    let files = [file("suites/a.yaml", suite), file("suites/b.yaml", suite)];
    let of_all = load_each(&files, &options).expect_err("they concern all files");
    assert!(of_all.iter().all(|p| {
        p.location
            .as_ref()
            .is_some_and(|l| &*l.file.path == "prony.yaml")
    }));
}

#[test]
fn it_is_read_as_strictly_as_suites() {
    for (text, message) in [
        ("", "empty"),
        ("targets: [a]", "expected a mapping, found a list"),
        ("a: 1\na: 2", "a second time"),
        ("targets: { x: { url: ${X} } }", "must be in quotes"),
        ("targets: { x: y }", "expected a mapping"),
        (
            "defaults: { load: { rate: \"${matrix.c}/s\" } }",
            "no matrix to take its value from",
        ),
        ("scenarios: []", "`scenarios` belongs in a suite"),
    ] {
        let seen = load_with(&with(&[]), &project(text)).expect_err(text);
        assert!(
            seen.contains(message) && seen.contains("--> prony.yaml:"),
            "{text}: {seen}"
        );
    }
}
