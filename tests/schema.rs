//! The schemas for editors say what the loader accepts: no key more, no key less, no good suite
//! refused, no mistyped one let through.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use prony::suite::{AdHoc, Diagnostic, LoadOptions, Suite, SuiteInput, load, schema};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn input(path: &str, text: &str) -> SuiteInput {
    SuiteInput {
        path: path.into(),
        bytes: text.into(),
    }
}

fn load_text(text: &str) -> Result<Vec<Suite>, Vec<Diagnostic>> {
    load_beside(None, text)
}

/// Loads the suite `text` where there is this `prony.yaml`.
fn load_beside(project: Option<&str>, text: &str) -> Result<Vec<Suite>, Vec<Diagnostic>> {
    let options = LoadOptions {
        env: &|name| {
            let value = match name {
                "LLAMA_URL" => "http://127.0.0.1:8080/v1",
                "LLAMA_PORT" => "8080",
                "LLAMA_PYTHON" => "python",
                "LLAMA_MODEL" => "model.gguf",
                _ => return None,
            };
            Some(value.to_owned())
        },
        validate_sim: &|_| Ok(()),
        project: project.map(|text| input("prony.yaml", text)),
        ..LoadOptions::default()
    };
    load(&[input("suite.yaml", text)], &options)
}

fn suite_schema() -> Value {
    serde_json::from_str(&schema::suite()).unwrap()
}

fn prony_schema() -> Value {
    serde_json::from_str(&schema::prony()).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).unwrap()
}

/// What an editor sees of `text`; `None` where it is no YAML at all.
fn as_json(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

fn problems(validator: &Validator, text: &str) -> Vec<String> {
    let value = as_json(text).expect("YAML");
    let errors = validator.iter_errors(&value);
    errors
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect()
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_schemas_are_checked_in() {
    for (name, text) in [("suite", schema::suite()), ("prony", schema::prony())] {
        let path = root().join(format!("docs/{name}.schema.json"));
        if std::env::var_os("PRONY_UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "docs/{name}.schema.json is not what prony says; write it again with\n\n    \
             PRONY_UPDATE=1 cargo test --test schema the_schemas_are_checked_in\n"
        );
    }
}

#[test]
fn the_schemas_are_json_schemas() {
    for text in [schema::suite(), schema::prony()] {
        let value: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&value).unwrap();
        validator(&value);
    }
}

/// Every suite of the repository that is meant to load, with a name for it.
fn good_suites() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in yaml_files("suites")
        .into_iter()
        .chain(yaml_files("tests/real"))
    {
        found.push((
            path.display().to_string(),
            fs::read_to_string(&path).unwrap(),
        ));
    }
    for page in [
        "docs/suites.md",
        "docs/launch.md",
        "docs/repeats.md",
        "docs/tutorial.md",
        "README.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap_or_default();
        let blocks = text.split("```yaml\n").skip(1);
        let whole = blocks
            .filter_map(|b| b.split_once("```").map(|(block, _)| block))
            .filter(|b| b.contains("\nscenarios:"));
        found.extend(whole.map(|b| (page.to_owned(), b.to_owned())));
    }
    let flags = |sla: &[&str]| AdHoc {
        url: "http://127.0.0.1:8000/v1".into(),
        sla: sla.iter().map(ToString::to_string).collect(),
        ..AdHoc::default()
    };
    found.push(("ad hoc".into(), flags(&[]).compose(None).text));
    found.push((
        "ad hoc".into(),
        flags(&["ttft.p99 < 1s"]).compose(None).text,
    ));
    found.push(("every form".into(), EVERY_FORM.into()));
    found
}

/// Forms that the loader takes besides the usual ones.
const EVERY_FORM: &str = r#"
suite: 7
target: { url: "${URL:-sim://}", model: 7, gpus: "4", stream: "true", headers: { X-A: 1 }, body: { a: [1, null] } }
secrets: [URL]
defaults: { warmup: 1m 30s, drain: .5s, allow_errors: 0, confidence: 95%, client: { send_lag: 10%, busy: 0 }, timeouts: { total: "${T:-60s}" } }
scenarios:
  - name: 1
    kind: "${K:-latency}"
    load: { rate: 20 / s, arrivals: gamma( 2 ), max_concurrency: "${N:-8}" }
    requests: "100"
    seed: 0x10
    confidence: "0.9"
    measure_only: "${M:-false}"
    prompts: { type: synthetic, input_tokens: "${I:-100}", output_tokens: { mean: "${I:-100}", stddev: 1.5, distribution: lognormal } }
    sla: ["ttft.p99 < 1s", "${A:-throughput > 1/s}"]
  - name: b
    kind: throughput
    load: { stages: [{ duration: 1s, rate: { from: 1/s, to: 600/min } }, { duration: 1h, rate: 0/s }] }
    prompts: { type: file, path: a.jsonl, output_tokens: { min: 1, max: 2 }, shuffle: true, salt: off }
    measure_only: true
    skip: false
    known_issue: false
  - name: m
    kind: latency
    matrix:
      c: [1, "4", 1.5]
      on: [true, "${B:-b}"]
      exclude: [{ c: 1, on: true }]
      include: [{ c: 64, on: off, more: 7 }]
    load: { rate: "${matrix.c}/s" }
    prompts: { type: synthetic, input_tokens: "${matrix.more:-9}", output_tokens: 9 }
    body: { on: "${matrix.on}" }
    measure_only: true
    timeout: "${T:-1h}"
    restart: "${S:-never}"
    extend: "${X:-1.5x}"
    noise: { ttft.p99: { run: "${R:-2%}", session: 0 }, throughput: 0.5% }
    skip: { reason: 7 }
    known_issue: { url: "${ISSUE:-https://a/1}", until: "${DAY:-2030-01-31}" }
    target:
      url: "http://127.0.0.1:{port}/v1"
      ready: { timeout: 1m, probe: "${P:-health}", path: /alive, interval: 1s }
      launch: { command: [a, 1, true, ""], env: { A: 1, B: "", C: false }, cwd: b, stop: { timeout: 5s } }
    before: "true"
    after: [make clean, { command: [a], env: { A: "${A:-a}" }, cwd: c, timeout: 1s }]
    between: [{ post: /a, body: [1, { a: null }], headers: { X-A: 1 } }, { get: "${G:-https://a/b}" }]
  - name: h
    kind: latency
    load: { rate: 1/s }
    prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 }
    measure_only: true
    target: { url: "http://a/v1", ready: { probe: token } }
    between: { command: a, restarts: "${R:-true}" }
    extend: off
    noise: 3%
"#;

#[test]
fn what_loads_is_valid() {
    let validator = validator(&suite_schema());
    let suites = good_suites();
    assert!(suites.len() >= 10, "{}", suites.len());
    for (name, text) in suites {
        let loaded = load_text(&text).unwrap_or_else(|p| panic!("{name}: {p:#?}\n{text}"));
        let found = problems(&validator, &text);
        assert!(found.is_empty(), "{name}: {found:#?}\n{text}");
        for suite in loaded {
            let resolved = &suite.resolved_yaml;
            let found = problems(&validator, resolved);
            assert!(found.is_empty(), "{name}, resolved: {found:#?}\n{resolved}");
        }
    }
}

/// Whether a mistake is one that a schema can see: an unknown key, a wrong type, a missing unit.
/// Assertions have a language of their own, which a schema does not speak; and it sees a variable
/// where the value of a matrix will stand, which the loader points at.
fn visible(mistake: &Diagnostic) -> bool {
    let of_matrix = |(_, note): &(_, String)| note.starts_with("so with `");
    if mistake.related.iter().any(of_matrix) {
        return false;
    }
    let mistake = mistake.message.as_str();
    let unit = ["the rate `", "the duration `", "the share `"];
    mistake.starts_with("the key `") && mistake.ends_with("is not known here")
        || mistake.starts_with("expected ")
        || mistake.starts_with('`') && mistake.contains("` comes in a later version")
        || unit.iter().any(|u| mistake.starts_with(u)) && mistake.ends_with("has no unit")
}

#[test]
fn what_is_mistyped_is_not() {
    let validator = validator(&suite_schema());
    let (mut files, mut keys) = (0, 0);
    for path in yaml_files("tests/suites_wrong") {
        let text = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text);
        // Some are wrong only in what the embedded engine knows.
        let mistakes = load_text(&text).err().unwrap_or_default();
        let mistakes: Vec<_> = mistakes.iter().filter(|m| visible(m)).collect();
        if mistakes.is_empty() || as_json(&text).is_none() {
            continue;
        }
        files += 1;
        let seen = problems(&validator, &text);
        assert!(!seen.is_empty(), "{}: {mistakes:#?}", path.display());
        // Unknown keys are found one by one.
        for mistake in &mistakes {
            let key = mistake.message.strip_prefix("the key `");
            if let Some((key, _)) = key.and_then(|k| k.split_once('`')) {
                keys += 1;
                let named = seen.iter().any(|s| s.contains(key));
                assert!(named, "{}: {key} in {seen:#?}", path.display());
            }
        }
    }
    assert!(files >= 10 && keys >= 8, "{files} files, {keys} keys");
}

/// Settings of a scenario, each wrong in one way that a schema sees.
const WRONG: &[&str] = &[
    "matrix: [1, 2]",
    "matrix: {}",
    "matrix: { c: 4 }",
    "matrix: { c: [] }",
    "matrix: { c: [[1, 2]] }",
    "matrix: { c: [null] }",
    "matrix: { not-a-name: [1] }",
    "matrix: { c: [1], include: { c: 4 } }",
    "matrix: { c: [1], include: [{}] }",
    "matrix: { c: [1], exclude: [4] }",
    "matrix: { c: [1], include: [{ c: [1] }] }",
    "timeout: 10",
    "skip: true",
    "skip: {}",
    "skip: { reason: true }",
    "skip: { reason: a, until: 2030-01-31 }",
    "known_issue: true",
    "known_issue: https://example.org/1",
    "known_issue: { url: 'https://example.org/1' }",
    "known_issue: { url: JIRA-17, until: 2030-01-31 }",
    "known_issue: { url: 'https://example.org/1', until: 31.01.2030 }",
    "restart: always",
    "extend: 2",
    "extend: twice",
    "noise: 3",
    "noise: [3%]",
    "noise: { ttft.p99: 3 }",
    "noise: { ttft.p99: {} }",
    "noise: { ttft.p99: { run: 3 } }",
    "before: {}",
    "before: [[make]]",
    "before: { timeout: 5s }",
    "before: { command: a, post: /a }",
    "before: { command: [] }",
    "before: { command: a, headers: { A: 1 } }",
    "before: { command: a, timeout: 5 }",
    "before: { command: a, restarts: true }",
    "before: { post: a }",
    "after: { get: /a, body: {} }",
    "after: { get: /a, env: { A: 1 } }",
    "after: { post: /a, cwd: a }",
    "between: { post: /a, restarts: often }",
    "target: not a name",
    "target: [local]",
    "target: { url: 'http://a', launch: {} }",
    "target: { url: 'http://a', launch: vllm }",
    "target: { url: 'http://a', launch: { command: [] } }",
    "target: { url: 'http://a', launch: { command: a, env: [A] } }",
    "target: { url: 'http://a', launch: { command: a, env: { A-B: 1 } } }",
    "target: { url: 'http://a', launch: { command: a, stop: 5s } }",
    "target: { url: 'http://a', launch: { command: a, port: auto } }",
    "target: { url: 'http://a', launch: { command: a, restart: case } }",
    "target: { url: 'http://a', launch: { command: a, ready: { timeout: 5 } } }",
    "target: { url: 'http://a', ready: { probe: helth } }",
    "target: { url: 'http://a', ready: { probe: token, path: /a } }",
    "target: { url: 'http://a', ready: { path: a } }",
];

#[test]
fn what_is_wrong_in_one_way_is_wrong_to_both() {
    let validator = validator(&suite_schema());
    let suite = |setting: &str| {
        let more = match setting.split(':').next() {
            Some("target") => "seed: 1",
            Some("matrix") => "target: { url: 'http://a' }, body: { c: '${matrix.c}' }",
            _ => "target: { url: 'http://a' }",
        };
        format!(
            "scenarios:\n  - {{ name: a, kind: latency, load: {{ rate: 1/s }}, prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }}, measure_only: true, {more}, {setting} }}\n"
        )
    };
    for good in [
        "matrix: { c: [1] }",
        "skip: a",
        "target: { url: 'http://a' }",
    ] {
        let text = suite(good);
        assert!(load_text(&text).is_ok(), "{text}");
        assert_eq!(problems(&validator, &text), [""; 0], "{text}");
    }
    for setting in WRONG {
        let text = suite(setting);
        assert!(load_text(&text).is_err(), "{setting} loads");
        assert!(
            !problems(&validator, &text).is_empty(),
            "{setting} is valid"
        );
    }
}

/// A suite that any `prony.yaml` can stand beside.
const BESIDE: &str = "target: { url: 'sim://' }\nscenarios:\n  - { name: a, kind: latency, load: { rate: 1/s }, measure_only: true, prompts: { type: synthetic, input_tokens: 9, output_tokens: 9 } }\n";

/// Forms that `prony.yaml` takes.
const EVERY_FORM_OF_PROJECTS: &str = r#"
targets:
  local: { url: "sim://" }
  2nd: { url: "${LLAMA_URL}", launch: { command: a }, ready: { probe: models } }
defaults: { target: local, known_issue: false, between: { post: /a } }
profiles:
  quick: { duration: 5s, restart: never }
  "7": { target: { url: "http://a" }, timeout: 5m }
secrets: [LLAMA_URL]
"#;

#[test]
fn projects_that_load_are_valid() {
    let validator = validator(&prony_schema());
    let mut texts = vec![EVERY_FORM_OF_PROJECTS.to_owned()];
    for path in fs::read_dir(root().join("docs")).unwrap() {
        let path = path.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            let page = fs::read_to_string(&path).unwrap();
            let blocks = page.split("```yaml\n# prony.yaml\n").skip(1);
            texts.extend(blocks.map(|b| b.split_once("```").unwrap().0.to_owned()));
        }
    }
    assert!(texts.len() >= 2, "no example in the documentation");
    for text in texts {
        let loaded = load_beside(Some(&text), BESIDE);
        assert!(loaded.is_ok(), "{loaded:#?}\n{text}");
        assert_eq!(problems(&validator, &text), [""; 0], "{text}");
    }
}

#[test]
fn projects_that_are_mistyped_are_not() {
    let validator = validator(&prony_schema());
    for text in [
        "scenarios: []",
        "suite: a",
        "before: make",
        "targets: [local]",
        "targets: { local: 'sim://' }",
        "targets: { local: { url: 'sim://', zzz: 1 } }",
        "targets: { not a name: { url: 'sim://' } }",
        "defaults: { matrix: { c: [1] } }",
        "defaults: { name: a }",
        "profiles: [quick]",
        "profiles: { quick: { zzz: 1 } }",
        "profiles: { quick: { duration: 5 } }",
        "secrets: KEY",
        "policies: {}",
    ] {
        assert!(load_beside(Some(text), BESIDE).is_err(), "{text} loads");
        assert!(!problems(&validator, text).is_empty(), "{text} is valid");
    }
}

/// A mapping of suites: where it is in the schema, and a suite that holds one, with a key in it that
/// cannot be known.
struct Place {
    pointer: &'static str,
    suites: &'static [&'static str],
}

const UNKNOWN: &str = "zzzzzzzzzzzzzzzzzzzzzzzz";

/// Every mapping that a suite can hold. One that is missing here is found by
/// `every_mapping_of_the_schema_is_looked_at`.
const PLACES: &[Place] = &[
    Place {
        pointer: "/$defs/search",
        suites: &[
            "defaults: { search: { zzzzzzzzzzzzzzzzzzzzzzzz: 1, saturate: rate, from: 1/s, to: 2/s } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/search/properties/budget",
        suites: &[
            "defaults: { search: { budget: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 }, saturate: rate, from: 1/s, to: 2/s } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/sweep",
        suites: &[
            "defaults: { sweep: { zzzzzzzzzzzzzzzzzzzzzzzz: 1, concurrency: [1, 2] } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/cache",
        suites: &["defaults: { cache: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/interference",
        suites: &["defaults: { interference: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/sweep/properties/scale",
        suites: &[
            "defaults: { sweep: { replicas: [1, 2], scale: { command: a, zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "",
        suites: &["zzzzzzzzzzzzzzzzzzzzzzzz: 1\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/target",
        suites: &["target: { zzzzzzzzzzzzzzzzzzzzzzzz: 1, url: 'sim://' }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/target/properties/auth",
        suites: &["target: { auth: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/ready",
        suites: &[
            "target: { url: 'http://a', ready: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
            "target: { url: 'http://a', launch: { command: a, ready: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/launch",
        suites: &[
            "target: { url: 'http://a', launch: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/launch/properties/stop",
        suites: &[
            "target: { url: 'http://a', launch: { stop: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/hook",
        suites: &[
            "before: { command: a, zzzzzzzzzzzzzzzzzzzzzzzz: 1 }\nscenarios: []",
            "after: { get: 'http://a', zzzzzzzzzzzzzzzzzzzzzzzz: 1 }\nscenarios: []",
            "defaults: { before: [{ post: 'http://a', zzzzzzzzzzzzzzzzzzzzzzzz: 1 }] }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/hook_between",
        suites: &[
            "between: { command: a, zzzzzzzzzzzzzzzzzzzzzzzz: 1 }\nscenarios: []",
            "defaults: { between: { get: 'http://a', zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
            "defaults: { between: [{ post: 'http://a', zzzzzzzzzzzzzzzzzzzzzzzz: 1 }] }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/tolerance",
        suites: &[
            "defaults: { baseline: { ttft.p50: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/skip",
        suites: &["defaults: { skip: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/known_issue",
        suites: &["defaults: { known_issue: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/scrape",
        suites: &[
            "target: { url: \"sim://\", scrape: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
            "defaults: { scrape: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/settings",
        suites: &["defaults: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/settings/properties/timeouts",
        suites: &["defaults: { timeouts: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/settings/properties/client",
        suites: &["defaults: { client: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/scenario/properties/client",
        suites: &["scenarios: [{ client: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }]"],
    },
    Place {
        pointer: "/$defs/scenario",
        suites: &["scenarios: [{ zzzzzzzzzzzzzzzzzzzzzzzz: 1 }]"],
    },
    Place {
        pointer: "/$defs/scenario/properties/timeouts",
        suites: &["scenarios: [{ timeouts: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }]"],
    },
    Place {
        pointer: "/$defs/load",
        suites: &["defaults: { load: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
    Place {
        pointer: "/$defs/stage",
        suites: &[
            "defaults: { load: { stages: [{ zzzzzzzzzzzzzzzzzzzzzzzz: 1 }] } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/stage/properties/rate/anyOf/1",
        suites: &[
            "defaults: { load: { stages: [{ duration: 1s, rate: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }] } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/stage/properties/concurrency/anyOf/1",
        suites: &[
            "defaults: { load: { stages: [{ duration: 1s, concurrency: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }] } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/noise_levels",
        suites: &[
            "defaults: { noise: { ttft.p99: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/prompts",
        suites: &[
            "defaults: { prompts: { type: synthetic, zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
            "defaults: { prompts: { type: file, zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/length/anyOf/2",
        suites: &[
            "defaults: { prompts: { type: synthetic, input_tokens: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/prompts/properties/prefix",
        suites: &[
            "defaults: { prompts: { type: synthetic, prefix: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/prompts/properties/conversation",
        suites: &[
            "defaults: { prompts: { type: synthetic, conversation: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/prompts/properties/length_tolerance/anyOf/1",
        suites: &[
            "defaults: { prompts: { type: synthetic, input_tokens: 1, output_tokens: 1, length_tolerance: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } } }\nscenarios: []",
        ],
    },
    Place {
        pointer: "/$defs/tokenizer/anyOf/1",
        suites: &["defaults: { tokenizer: { zzzzzzzzzzzzzzzzzzzzzzzz: 1 } }\nscenarios: []"],
    },
];

/// The keys that the loader itself names when it meets one that it does not know.
fn known_keys(suite: &str) -> BTreeSet<String> {
    named_keys(&load_text(suite).expect_err(suite))
}

fn named_keys(found: &[Diagnostic]) -> BTreeSet<String> {
    let unknown = format!("the key `{UNKNOWN}` is not known here");
    let problem = found.iter().find(|d| d.message == unknown);
    let help = problem.unwrap_or_else(|| panic!("{found:#?}"));
    let help = help.help.as_deref().unwrap_or_default();
    help.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_key_of_the_loader_is_in_the_schema_and_no_other() {
    let schema = suite_schema();
    for place in PLACES {
        let known: BTreeSet<_> = place.suites.iter().flat_map(|s| known_keys(s)).collect();
        let mapping = schema.pointer(place.pointer).expect(place.pointer);
        let described = mapping["properties"].as_object().expect(place.pointer);
        let described: BTreeSet<_> = described.keys().cloned().collect();
        assert_eq!(described, known, "{}", place.pointer);
    }
    let unknown = format!("{UNKNOWN}: 1");
    let known = named_keys(&load_beside(Some(&unknown), BESIDE).unwrap_err());
    let schema = prony_schema();
    let described = schema["properties"].as_object().unwrap();
    assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), known);
}

/// Every mapping with keys of its own in `schema`.
fn mappings(schema: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        found.insert(pointer.to_owned());
    }
    let children: Vec<(String, &Value)> = match schema {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        mappings(child, &format!("{pointer}/{key}"), found);
    }
}

#[test]
fn every_mapping_of_the_schema_is_looked_at() {
    let mut found = BTreeSet::new();
    mappings(&suite_schema(), "", &mut found);
    let looked_at: BTreeSet<_> = PLACES.iter().map(|p| p.pointer.to_owned()).collect();
    assert_eq!(found, looked_at);
}

#[test]
fn the_values_that_the_loader_names_are_those_of_the_schema() {
    let schema = suite_schema();
    for (pointer, suite) in [
        (
            "/$defs/settings/properties/kind",
            "defaults: { kind: zzzzzzzzzzzz }",
        ),
        (
            "/$defs/settings/properties/undecided",
            "defaults: { undecided: zzzzzzzzzzzz }",
        ),
        (
            "/$defs/settings/properties/restart",
            "defaults: { restart: zzzzzzzzzzzz }",
        ),
        (
            "/$defs/ready/properties/probe",
            "target: { url: 'http://a', ready: { probe: zzzzzzzzzzzz } }",
        ),
        (
            "/$defs/target/properties/api",
            "target: { url: 'sim://', api: zzzzzzzzzzzz }",
        ),
        (
            "/$defs/prompts/properties/type",
            "defaults: { prompts: { type: zzzzzzzzzzzz } }",
        ),
        (
            "/$defs/prompts/properties/salt",
            "defaults: { prompts: { type: file, salt: zzzzzzzzzzzz } }",
        ),
        (
            "/$defs/length/anyOf/2/properties/distribution",
            "defaults: { prompts: { type: file, path: a, output_tokens: { distribution: zzzzzzzzzzzz } } }",
        ),
        (
            "/$defs/tokenizer/anyOf/1/properties/tiktoken",
            "defaults: { tokenizer: { tiktoken: zzzzzzzzzzzz } }",
        ),
    ] {
        let found = load_text(&format!("{suite}\nscenarios: []")).unwrap_err();
        let mut help = found.iter().filter_map(|d| d.help.as_deref());
        let help = help.find(|h| h.starts_with("one of "));
        let help = help.unwrap_or_else(|| panic!("{suite}: {found:#?}"));
        let named: Vec<_> = help.split('`').skip(1).step_by(2).collect();
        let described = schema.pointer(&format!("{pointer}/anyOf/0/enum"));
        let described = described.and_then(Value::as_array).expect(pointer);
        let described: Vec<_> = described.iter().filter_map(Value::as_str).collect();
        let named: Vec<_> = named
            .into_iter()
            .filter(|n| pointer != "/$defs/settings/properties/kind" || described.contains(n))
            .collect();
        assert_eq!(described, named, "{pointer}");
    }
}

#[test]
fn everything_is_described() {
    fn walk(schema: &Value, pointer: &str) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object)
            && schema.get("additionalProperties").is_some()
        {
            for (key, value) in properties {
                let about = value["description"].as_str().unwrap_or_default();
                assert!(about.len() > 5, "{pointer}/{key} has no description");
            }
        }
        if let Value::Object(fields) = schema {
            for (key, value) in fields {
                walk(value, &format!("{pointer}/{key}"));
            }
        }
    }
    for text in [schema::suite(), schema::prony()] {
        walk(&serde_json::from_str(&text).unwrap(), "");
    }
}
