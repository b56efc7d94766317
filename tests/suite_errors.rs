//! A gallery of wrong suites: what a person sees of each is a snapshot. Read them aloud.

use std::fs;
use std::path::Path;

use prony::suite::{LoadOptions, SimOverrides, SimProblem, SuiteInput, load, render_all};

fn env(name: &str) -> Option<String> {
    match name {
        "API_KEY" => Some("sk-not-to-be-seen".into()),
        "MULTILINE" => Some("key\n".into()),
        _ => None,
    }
}

/// Stands in for the embedded engine: it knows one preset and one key.
fn validate_sim(engine: &SimOverrides) -> Result<(), SimProblem> {
    let problem = |key: Option<&str>, in_value, message: &str, help: &str| SimProblem {
        key: key.map(str::to_owned),
        in_value,
        message: message.to_owned(),
        help: Some(help.to_owned()),
    };
    if !matches!(engine.preset.as_str(), "" | "fast") {
        return Err(problem(
            None,
            false,
            "there is no embedded engine `fsat`",
            "did you mean `sim://fast`?",
        ));
    }
    for (key, value) in &engine.overrides {
        if key != "max_num_seqs" {
            return Err(problem(
                Some(key),
                false,
                "the embedded engine has no setting `max_num_seq`",
                "did you mean `max_num_seqs`?",
            ));
        }
        if !value.is_u64() {
            return Err(problem(
                Some(key),
                true,
                "expected a whole number",
                "write `8`",
            ));
        }
    }
    Ok(())
}

fn options() -> LoadOptions<'static> {
    LoadOptions {
        env: &env,
        validate_sim: &validate_sim,
        ..LoadOptions::default()
    }
}

fn gallery() -> Vec<SuiteInput> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites_wrong");
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| SuiteInput {
            path: path.file_name().unwrap().to_str().unwrap().to_owned(),
            bytes: fs::read(&path).unwrap(),
        })
        .collect();
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    inputs
}

#[test]
fn every_wrong_suite_is_explained() {
    let inputs = gallery();
    assert!(inputs.len() >= 25, "only {} wrong suites", inputs.len());
    for input in inputs {
        let name = input.path.trim_end_matches(".yaml").to_owned();
        let problems = load(&[input], &options()).expect_err(&name);
        let seen = render_all(&problems, false);
        assert!(!seen.contains("sk-not-to-be-seen"), "{seen}");
        insta::with_settings!({
            snapshot_path => "suites_wrong/seen",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, seen);
        });
    }
}

#[test]
fn problems_of_all_files_come_in_one_go() {
    let all = load(&gallery(), &options()).unwrap_err();
    let each: usize = gallery()
        .into_iter()
        .map(|input| load(&[input], &options()).unwrap_err().len())
        .sum();
    assert!(all.len() >= each, "{} of {each}", all.len());
}

#[test]
fn every_problem_says_where_it_is_and_what_to_do() {
    for problem in load(&gallery(), &options()).unwrap_err() {
        assert!(problem.location.is_some(), "{problem}");
        assert!(problem.help.is_some(), "{problem}");
        let first = problem.message.chars().next().unwrap();
        assert!(!first.is_uppercase(), "{problem}");
    }
}
