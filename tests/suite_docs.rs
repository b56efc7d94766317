//! The documentation says what is so: its examples load, and the page of metrics is current.

use std::fs;
use std::path::{Path, PathBuf};

use prony::metrics::{METRICS, markdown};
use prony::suite::{LoadOptions, Suite, SuiteInput, load, render_all};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

fn load_one(path: &str, text: &str) -> Suite {
    let options = LoadOptions {
        env: &|_| None,
        ..LoadOptions::default()
    };
    let input = SuiteInput {
        path: path.into(),
        bytes: text.into(),
    };
    let suites = load(&[input], &options);
    suites
        .unwrap_or_else(|problems| panic!("{}\n{text}", render_all(&problems, false)))
        .remove(0)
}

/// Reads `text` as `prony.yaml`, under each of its profiles.
fn load_project(text: &str) {
    let suite = SuiteInput {
        path: "docs.yaml".into(),
        bytes: "scenarios:\n  - { name: one, kind: latency, load: { rate: 1/s }, measure_only: true, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }\n".into(),
    };
    for profile in [None, Some("quick"), Some("nightly")] {
        let options = LoadOptions {
            project: Some(SuiteInput {
                path: "prony.yaml".into(),
                bytes: text.into(),
            }),
            profile: profile.map(str::to_owned),
            ..LoadOptions::default()
        };
        if let Err(problems) = load(std::slice::from_ref(&suite), &options) {
            panic!("{}\n{text}", render_all(&problems, false));
        }
    }
}

#[test]
fn every_example_of_the_pages_on_suites_loads() {
    let text = ["suites.md", "launch.md", "repeats.md"]
        .map(|name| fs::read_to_string(page(name)).unwrap());
    let text = text.concat();
    let mut examples = 0;
    for block in text.split("```yaml\n").skip(1) {
        let (example, _) = block.split_once("```").unwrap();
        if example.starts_with("# prony.yaml") {
            load_project(example);
            continue;
        }
        let suite = load_one("docs.yaml", example);
        assert!(!suite.scenarios.is_empty());
        // And what a run writes of it says the same.
        let again = load_one("docs.yaml", &suite.resolved_yaml);
        assert_eq!(again.scenarios.len(), suite.scenarios.len());
        for (a, b) in suite.scenarios.iter().zip(&again.scenarios) {
            assert_eq!(a.load, b.load);
            assert_eq!(a.sla.len(), b.sla.len());
            assert_eq!(a.target.launch, b.target.launch);
            assert_eq!(a.hooks, b.hooks);
            assert_eq!(a.restart, b.restart);
            assert_eq!((a.duration, a.requests), (b.duration, b.requests));
        }
        examples += 1;
    }
    assert!(examples >= 5, "{examples} examples");
}

#[test]
fn every_example_of_the_page_on_kinds_loads() {
    let text = fs::read_to_string(page("scenarios.md")).unwrap();
    let options = LoadOptions::default();
    let load_text = |text: &str| {
        let input = SuiteInput {
            path: "docs.yaml".into(),
            bytes: text.into(),
        };
        load(&[input], &options)
            .unwrap_or_else(|problems| panic!("{}\n{text}", render_all(&problems, false)))
            .remove(0)
    };
    let mut kinds = Vec::new();
    for block in text.split("```yaml\n").skip(1) {
        let (example, _) = block.split_once("```").unwrap();
        let suite = load_text(example);
        let again = load_text(&suite.resolved_yaml);
        assert_eq!(again.resolved_yaml, suite.resolved_yaml);
        kinds.extend(suite.scenarios.iter().map(|s| s.kind.name()));
    }
    for kind in ["throughput", "scalability", "cache", "disaggregation"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn metrics_page_is_current() {
    let path = page("metrics.md");
    if std::env::var_os("PRONY_UPDATE").is_some() {
        fs::write(&path, markdown()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/metrics.md is not what the metric table says; write it again with\n\n    \
         PRONY_UPDATE=1 cargo test --test suite_docs metrics_page_is_current\n"
    );
}

#[test]
fn telemetry_page_is_current() {
    let (path, text) = (page("telemetry.md"), prony::telemetry::server::markdown());
    if std::env::var_os("PRONY_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == text,
        "docs/telemetry.md is not what the table of names says; write it again with\n\n    \
         PRONY_UPDATE=1 cargo test --test suite_docs telemetry_page_is_current\n"
    );
}

#[test]
fn every_metric_is_on_its_page() {
    for metric in METRICS {
        assert!(markdown().contains(metric.name), "{}", metric.name);
        assert!(
            !metric.meaning.is_empty() && !metric.formula.is_empty(),
            "{}",
            metric.name
        );
    }
}
