use prony::result::{RunResult, SeriesFile};

use crate::{render, sample};

#[test]
fn what_is_written_reads_back_the_same() {
    let mut result = sample::every_verdict();
    result.cases.push(sample::unbounded());
    result.cases.push(sample::hostile());
    let back: RunResult = serde_json::from_str(&render("json", &result)).expect("reads back");
    assert_eq!(back, result);
}

/// Compares with the file under `docs/`; `PRONY_UPDATE=1` writes it.
fn fresh<T: schemars::JsonSchema>(file: &str) -> serde_json::Value {
    let schema = schemars::schema_for!(T).to_value();
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(file);
    if std::env::var_os("PRONY_UPDATE").is_some() {
        std::fs::write(&path, &text).expect("writable");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        there, text,
        "docs/{file} is out of date; run the tests with PRONY_UPDATE=1"
    );
    schema
}

#[test]
fn summaries_are_as_the_schema_says() {
    let schema = fresh::<RunResult>("summary.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut result = sample::every_verdict();
    result.cases.push(sample::unbounded());
    result.cases.push(sample::hostile());
    let instance = serde_json::to_value(&result).expect("JSON");
    let problems: Vec<_> = validator
        .iter_errors(&instance)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(!validator.is_valid(&serde_json::json!({ "schema": 1, "cases": [] })));
}

#[test]
fn series_are_as_the_schema_says() {
    let schema = fresh::<SeriesFile>("metrics.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let instance = serde_json::to_value(sample::series(&sample::every_verdict())).expect("JSON");
    assert!(validator.is_valid(&instance));
}

#[test]
fn baselines_are_as_the_schema_says() {
    let schema = fresh::<prony::baseline::BaselineFile>("baseline.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let written = serde_json::json!({
        "schema": 1,
        "suite": "chat",
        "case": "steady",
        "subject": { "engine": "0.9.1" },
        "phases": [{
            "name": "main",
            "identity": { "model": "llama-70b" },
            "sessions": [0, 0, 1],
            "requests": [100, 100, 100],
            "metrics": {
                "ttft": { "unit": "ms", "p99": [41.5, 42.0, null] },
                "throughput": { "unit": "1/s", "value": [20, 20.1, 19.9] }
            },
            "history": {
                "runs": [5], "sessions": [1],
                "spread": { "ttft.p99": { "runs": [0.03], "sessions": [null] } }
            }
        }]
    });
    let problems: Vec<_> = validator
        .iter_errors(&written)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(prony::baseline::read(&written.to_string()).is_ok());
    assert!(!validator.is_valid(&serde_json::json!({ "schema": 1, "phases": [] })));
}
