//! What suites say about launching, as prony reads it.

use std::path::Path;
use std::time::Duration;

use prony::suite::{
    CommandLine, HookAction, LoadOptions, Probe, Restart, Suite, SuiteInput, TargetUrl, load,
    render_all,
};

use crate::stage::suite;

fn read(text: &str) -> Suite {
    let options = LoadOptions {
        env: &|name| (name == "KEY").then(|| "key-from-outside".to_owned()),
        seed: None,
        validate_sim: &|_| Ok(()),
        ..LoadOptions::default()
    };
    let input = SuiteInput {
        path: "suites/launched.yaml".into(),
        bytes: text.into(),
    };
    load(&[input], &options)
        .unwrap_or_else(|problems| panic!("{}", render_all(&problems, false)))
        .remove(0)
}

#[test]
fn a_launch_with_all_its_defaults() {
    let target = "url: \"http://127.0.0.1:8000/v1\"\nlaunch: { command: vllm serve }";
    let suite = read(&suite(target, "", "- name: one"));
    let scenario = &suite.scenarios[0];
    let launch = scenario.target.launch.as_ref().expect("a launch");
    assert_eq!(launch.command, CommandLine::Shell("vllm serve".into()));
    assert_eq!((launch.env.len(), &launch.cwd), (0, &None));
    assert_eq!(launch.stop_timeout, Duration::from_secs(10));
    let ready = &scenario.target.ready;
    assert_eq!(ready.timeout, Duration::from_secs(300));
    assert_eq!(ready.probe, Probe::Auto);
    assert_eq!(scenario.restart, Restart::Case);
}

#[test]
fn a_launch_with_everything_said() {
    let target = "url: \"http://127.0.0.1:{port}/v1\"\nlaunch:\n  command: [serve, \"{port}\", \"\"]\n  env: { KEY: \"${KEY}\", OWN: own-key-written-out, EMPTY: \"\" }\n  cwd: ../servers\n  ready: { timeout: 1m, path: /healthz, interval: 1s }\n  stop: { timeout: 3s }";
    let text = suite(
        target,
        "secrets: [KEY, OWN]",
        "- name: one\n  restart: never",
    );
    let suite = read(&text);
    let scenario = &suite.scenarios[0];
    let TargetUrl::Http(url) = &scenario.target.url else {
        panic!("an address");
    };
    assert_eq!(url.port(), Some(0));
    assert_eq!(scenario.target.url.shown(), "http://127.0.0.1:{port}/v1");
    let launch = scenario.target.launch.as_ref().expect("a launch");
    let words = ["serve", "{port}", ""].map(String::from).to_vec();
    assert_eq!(launch.command, CommandLine::Program(words));
    assert_eq!(launch.cwd.as_deref(), Some(Path::new("suites/../servers")));
    assert_eq!(scenario.target.ready.probe, Probe::Path("/healthz".into()));
    assert_eq!(scenario.restart, Restart::Never);
    // Both secrets are known as such, and what is written of the suite shows neither.
    for value in ["key-from-outside", "own-key-written-out"] {
        assert!(suite.secrets.iter().any(|(_, v)| v == value), "{value}");
        assert!(!suite.resolved_yaml.contains(value));
    }
    assert!(
        suite.resolved_yaml.contains("OWN: ${OWN}"),
        "{}",
        suite.resolved_yaml
    );
}

#[test]
fn hooks_of_suites_defaults_and_scenarios() {
    let rest = "before: make warm\nbetween: { post: /reset_prefix_cache, body: { level: 2 } }";
    let scenarios =
        "- name: plain\n- name: own\n  between: []\n  after: [{ get: /metrics, timeout: 5s }]";
    let suite = read(&suite("url: http://127.0.0.1:8000/v1", rest, scenarios));
    assert_eq!(suite.hooks.before.len(), 1);
    assert_eq!(suite.hooks.target, None);
    let [plain, own] = &suite.scenarios[..] else {
        panic!("two scenarios");
    };
    assert!(plain.hooks.before.is_empty(), "that one is the suite's");
    assert!(plain.hooks.between[0].action.needs_target());
    assert!(matches!(
        &plain.hooks.between[0].action,
        HookAction::Http { body: Some(body), .. } if body["level"] == 2
    ));
    assert!(own.hooks.between.is_empty());
    assert_eq!(own.hooks.after[0].timeout, Duration::from_secs(5));
}

#[test]
fn a_suite_with_hooks_written_out_is_the_same_suite() {
    let target = "url: http://127.0.0.1:8000/v1\nheaders: { X-Key: \"${KEY}\" }";
    let rest = "before: { post: /warm, headers: { X-Own: \"${KEY}\" } }\nafter: { command: [echo, \"$${KEY}\"] }";
    let suite = read(&suite(target, rest, "- name: one"));
    let again = read(&suite.resolved_yaml);
    assert_eq!(again.hooks, suite.hooks);
    assert_eq!(again.resolved_yaml, suite.resolved_yaml);
    assert!(!suite.resolved_yaml.contains("key-from-outside"));
}
