use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use prony::suite::{LoadOptions, SuiteInput, load, render_all};

use super::{measured, prony, stderr, stdout};

const FILES: [&str; 4] = [
    "suites/first.yaml",
    "prony.yaml",
    ".github/workflows/prony.yml",
    ".gitignore",
];

/// `prony sim` on a free port, stopped when dropped.
struct Sim {
    process: Child,
    url: String,
}

impl Sim {
    fn start() -> Self {
        let binary = assert_cmd::cargo::cargo_bin("prony");
        let mut process = Command::new(binary)
            .args(["sim", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.split_whitespace().nth(1).unwrap().to_owned();
        Sim { process, url }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn everything_is_written_and_nothing_written_twice() {
    let dir = tempfile::tempdir().unwrap();
    let output = prony(dir.path(), &["init"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for file in FILES {
        assert!(said.contains(file), "{file} in\n{said}");
        assert!(!read(dir.path(), file).is_empty());
    }
    assert_eq!(read(dir.path(), ".gitignore"), "results/\n");

    fs::write(dir.path().join("suites/first.yaml"), "mine").unwrap();
    fs::write(dir.path().join(".gitignore"), "target").unwrap();
    let again = prony(dir.path(), &["init"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(stdout(&again).contains("suites/first.yaml (left as it is)"));
    assert_eq!(read(dir.path(), "suites/first.yaml"), "mine");
    assert_eq!(read(dir.path(), ".gitignore"), "target\nresults/\n");

    let third = prony(dir.path(), &["init"]);
    assert!(stdout(&third).contains("has results/ already"));
    assert_eq!(read(dir.path(), ".gitignore"), "target\nresults/\n");
}

#[test]
fn what_is_written_is_what_it_says_it_is() {
    let dir = tempfile::tempdir().unwrap();
    prony(dir.path(), &["init", "new/project"]);
    let folder = dir.path().join("new/project");
    let check = prony(&folder, &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));
    assert!(!read(&folder, "suites/first.yaml").contains('@'));

    let workflow: serde_json::Value =
        serde_yaml::from_str(&read(&folder, ".github/workflows/prony.yml")).unwrap();
    let steps = workflow["jobs"]["performance"]["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .any(|s| s["run"] == "prony run --junit prony.xml")
    );

    for (file, schema) in [
        ("suites/first.yaml", prony::suite::schema::suite()),
        ("prony.yaml", prony::suite::schema::prony()),
    ] {
        let schema = serde_json::from_str(&schema).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&read(&folder, file)).unwrap();
        let errors: Vec<_> = jsonschema::draft202012::new(&schema)
            .unwrap()
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
}

#[test]
fn suites_start_from_the_project_file_that_is_written() {
    let dir = tempfile::tempdir().unwrap();
    prony(dir.path(), &["init"]);
    let input = |path: &str, text: String| SuiteInput {
        path: path.into(),
        bytes: text.into_bytes(),
    };
    let options = LoadOptions {
        project: Some(input("prony.yaml", read(dir.path(), "prony.yaml"))),
        ..LoadOptions::default()
    };
    let named = "target: local\nscenarios:\n  - { name: one, kind: latency, load: { rate: 1/s }, measure_only: true, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }\n";
    let suites = [
        input("suites/named.yaml", named.to_owned()),
        input("suites/first.yaml", read(dir.path(), "suites/first.yaml")),
    ];
    let suites =
        load(&suites, &options).unwrap_or_else(|found| panic!("{}", render_all(&found, false)));
    for scenario in suites.iter().flat_map(|s| &s.scenarios) {
        assert_eq!(scenario.target.url.shown(), "sim://");
        assert_eq!(scenario.timeouts.first_token.as_secs(), 60);
    }
}

#[test]
fn a_server_fills_in_what_it_says_of_itself_and_the_suite_is_green_at_once() {
    let sim = Sim::start();
    let dir = tempfile::tempdir().unwrap();
    let output = prony(dir.path(), &["init", "--target", &sim.url]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = format!(
        "{}: chat works, model prony-sim, max_model_len 16384\n",
        sim.url
    );
    assert!(stdout(&output).starts_with(&first), "{}", stdout(&output));
    let suite = read(dir.path(), "suites/first.yaml");
    for line in [
        format!("  url: \"${{PRONY_TARGET:-{}}}\"", sim.url),
        "  api: chat ".to_owned(),
        "  model: \"prony-sim\"".to_owned(),
        "  # It streams, and says how many tokens it made.".to_owned(),
    ] {
        assert!(suite.contains(&line), "{line}\nin\n{suite}");
    }
    let run = measured(dir.path(), &["run"]);
    assert_eq!(run.status.code(), Some(0), "{}", stdout(&run));
    assert!(stdout(&run).contains("test first::steady ... ok"));
}

#[test]
fn a_target_that_cannot_be_asked_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    for (target, code, words) in [
        ("http://127.0.0.1:1/v1", 3, "is the server started?"),
        ("localhost:8000/v1", 2, "write `http://localhost:8000/v1`"),
        ("sim://no-such-engine", 2, "no-such-engine"),
    ] {
        let output = prony(dir.path(), &["init", "--target", target]);
        assert_eq!(output.status.code(), Some(code), "{target}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
