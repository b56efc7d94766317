//! The pictures of `docs/scenarios.md` are what prony draws today. `PRONY_UPDATE=1` writes them again.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A run of a shipped suite, as `docs/scenarios.md` writes its command, and the pictures taken from it.
struct Source {
    /// The address in `PRONY_TARGET`, where the command sets it.
    target: Option<&'static str>,
    /// What stands behind `prony run`.
    words: &'static str,
    /// How it ends: 101 where what is shown is a gate that closes.
    code: i32,
    /// Slug of the case without its digest, file under the case's folder of `plots/`, name under `docs/img/`.
    pictures: &'static [(&'static str, &'static str, &'static str)],
}

const SOURCES: [Source; 4] = [
    Source {
        target: None,
        code: 0,
        words: "suites/scaling.yaml --virtual",
        pictures: &[
            (
                "scaling-capacity-",
                "search_path.svg",
                "scenarios-search.svg",
            ),
            (
                "scaling-concurrency-",
                "throughput_latency.svg",
                "scenarios-knee.svg",
            ),
            (
                "scaling-concurrency-",
                "scaling.svg",
                "scenarios-scaling.svg",
            ),
        ],
    },
    Source {
        target: None,
        code: 0,
        words: "suites/cache.yaml --virtual",
        pictures: &[
            (
                "cache-shared-system-prompt-",
                "cold_and_warm.svg",
                "scenarios-cache.svg",
            ),
            (
                "cache-shared-system-prompt-",
                "cache_found.svg",
                "scenarios-cache-found.svg",
            ),
        ],
    },
    Source {
        target: None,
        code: 0,
        words: "suites/disaggregation.yaml --virtual",
        pictures: &[
            (
                "disaggregation-pd-split-",
                "itl_side_by_side.svg",
                "scenarios-split.svg",
            ),
            (
                "disaggregation-long-prompts-",
                "main/interference.svg",
                "scenarios-undisturbed.svg",
            ),
        ],
    },
    Source {
        target: Some("sim://quick-aggregated"),
        words: "suites/disaggregation.yaml --virtual -- long-prompts",
        code: 101,
        pictures: &[(
            "disaggregation-long-prompts-",
            "main/interference.svg",
            "scenarios-interference.svg",
        )],
    },
];

#[test]
fn the_pictures_of_the_page_of_scenarios_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/scenarios.md")).unwrap();
    for source in SOURCES {
        let dir = tempfile::tempdir().unwrap();
        let plots = drawn(root, &source, dir.path());
        let target = source.target.map(|t| format!("PRONY_TARGET={t} "));
        let command = format!("{}prony run {}", target.unwrap_or_default(), source.words);
        assert!(page.contains(&command), "the page does not say `{command}`");
        for (case, file, name) in source.pictures {
            let found = fs::read(folder_of(&plots, case).join(file))
                .unwrap_or_else(|e| panic!("{case}…/{file}: {e}"));
            let kept = root.join("docs/img").join(name);
            if std::env::var_os("PRONY_UPDATE").is_some() {
                fs::write(&kept, &found).unwrap();
            }
            assert!(
                fs::read(&kept).unwrap_or_default() == found,
                "docs/img/{name} is not what `{command}` draws; write it again with\n\n    \
                 PRONY_UPDATE=1 cargo test --test virtual the_pictures_of_the_page\n"
            );
            assert!(
                page.contains(&format!("](img/{name})")),
                "the page does not show {name}"
            );
        }
    }
}

/// Carries the command out; the folder of its pictures.
fn drawn(root: &Path, source: &Source, results: &Path) -> PathBuf {
    let mut command = Command::cargo_bin("prony").unwrap();
    let libtest = source.words.split_once(" -- ");
    let (words, filter) = libtest.map_or((source.words, None), |(w, f)| (w, Some(f)));
    command
        .current_dir(root)
        .env_remove("PRONY_TARGET")
        .env_remove("CI")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("NEXTEST_RUN_ID")
        .arg("run")
        .args(words.split_whitespace())
        .arg("--results")
        .arg(results);
    if let Some(target) = source.target {
        command.env("PRONY_TARGET", target);
    }
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(source.code), "{words}: {text}");
    results.join("latest/plots")
}

/// The folder of the case whose slug begins with `case`.
fn folder_of(plots: &Path, case: &str) -> PathBuf {
    let found = fs::read_dir(plots).unwrap().map(|e| e.unwrap().path());
    let mut found = found.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with(case));
    found.next().unwrap_or_else(|| panic!("no case {case}…"))
}
