//! Searches over a matrix: which configuration serves the most, in every report.

use assert_cmd::Command;
use serde_json::Value;

const SUITE: &str = r#"
suite: sizing
defaults: { warmup: 1s, scrape: off, prompts: { type: synthetic, input_tokens: 64, output_tokens: 8 } }
scenarios:
  - name: batch
    matrix: { seqs: [2, 8], gpus: [1, 4], exclude: [{ seqs: 2, gpus: 4 }] }
    kind: throughput
    target:
      url: "sim://exact"
      gpus: ${matrix.gpus}
      sim:
        scheduler.max_num_seqs: ${matrix.seqs}
    search: { maximize: rate, from: 10/s, to: 200/s, precision: 20%, subject_to: [ttft.p95 < 100ms] }
    duration: 10s
    measure_only: true
  - name: alone
    kind: latency
    target: { url: "sim://exact" }
    load: { rate: 5/s }
    requests: 10
    measure_only: true
"#;

#[test]
fn the_configuration_that_serves_the_most_under_the_limit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let suite = dir.path().join("sizing.yaml");
    std::fs::write(&suite, SUITE).unwrap();
    let mut prony = Command::cargo_bin("prony").unwrap();
    let output = prony
        .env_remove("PRONY_TARGET")
        .env("NO_COLOR", "1")
        .arg("run")
        .arg(&suite)
        .args(["--virtual", "--results"])
        .arg(dir.path().join("results"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let folder = dir.path().join("results/latest");
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap();
    let found = summary["configurations"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (
            &found[0]["suite"],
            &found[0]["scenario"],
            &found[0]["answer"]
        ),
        (&"sizing".into(), &"batch".into(), &"capacity".into())
    );
    let cases = found[0]["cases"].as_array().unwrap();
    let values: Vec<&str> = cases
        .iter()
        .map(|c| c["values"].as_str().unwrap())
        .collect();
    assert_eq!(values.len(), 3);
    assert_eq!(values[2], "seqs=2,gpus=1", "fewer slots serve less");
    let number = |case: &Value, key: &str| case[key].as_f64().unwrap();
    assert!(number(&cases[0], "serves") > 1.5 * number(&cases[2], "serves"));
    assert_eq!(
        (&cases[0]["best"], &cases[2]["best"]),
        (&true.into(), &false.into())
    );
    for case in cases {
        let gpus = if case["values"].as_str().unwrap().ends_with("gpus=4") {
            4.0
        } else {
            1.0
        };
        let per_gpu = number(case, "serves") / gpus;
        assert!((number(case, "per_gpu") - per_gpu).abs() < 1e-9);
        assert!(number(case, "tpot_p50") > 0.0);
        assert!(number(case, "ttft_p99") > 0.0);
    }
    // Four times the GPUs for the same load is no bargain.
    let many = cases
        .iter()
        .find(|c| c["values"] == "seqs=8,gpus=4")
        .unwrap();
    let few = cases
        .iter()
        .find(|c| c["values"] == "seqs=8,gpus=1")
        .unwrap();
    assert_eq!(
        (&many["pareto"], &few["pareto"]),
        (&false.into(), &true.into())
    );
    // Pictures, as files and in the page.
    let folders: Vec<_> = std::fs::read_dir(folder.join("plots/configurations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    for name in ["pareto_tokens", "pareto_ttft"] {
        let svg = std::fs::read_to_string(folders[0].join(format!("{name}.svg"))).unwrap();
        assert!(svg.contains("data-n=\"seqs=8,gpus=4\""), "{svg}");
        assert!(page.contains(&format!("data-picture=\"{name}\"")));
    }
    // For people.
    assert!(
        text.contains("which configuration serves the most: sizing::batch"),
        "{text}"
    );
    let line = text
        .lines()
        .find(|l| l.trim_start().starts_with("seqs=2,gpus=1"));
    assert!(
        line.is_some_and(|l| l.contains("/s") && l.contains("ms")),
        "{text}"
    );
    let report = Command::cargo_bin("prony")
        .unwrap()
        .args(["report", "--format", "markdown"])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(report.status.code(), Some(0));
    let markdown = std::fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(
        markdown.contains("which configuration serves the most"),
        "{markdown}"
    );
    assert!(markdown.contains("seqs=8,gpus=1"), "{markdown}");
}
