use std::io;
use std::path::Path;

use crate::report::{Html, TEMPLATES, Templates};
use crate::sim::SimConfig;
use crate::suite::{LoadOptions, SimOverrides, SimProblem, Suite};

/// Reports that every run writes into its results folder.
pub const REPORTS_OF_A_RUN: [&str; 2] = ["junit", "html"];

/// How suites are loaded here: variables from the environment, engines checked against the
/// embedded one, the profile that `PRONY_PROFILE` names. `target` is an address or the name of a
/// target of `prony.yaml`.
pub fn load_options(seed: Option<u64>, target: Option<String>) -> LoadOptions<'static> {
    LoadOptions {
        env: &|name| std::env::var(name).ok(),
        seed,
        target,
        validate_sim: &validate_sim,
        read_file: &|path| std::fs::read_to_string(path).map_err(|e| e.to_string()),
        profile: std::env::var("PRONY_PROFILE")
            .ok()
            .filter(|p| !p.is_empty()),
        ..LoadOptions::default()
    }
}

fn validate_sim(which: &SimOverrides) -> Result<(), SimProblem> {
    match SimConfig::resolve(&which.preset, &which.overrides) {
        Ok(_) => Ok(()),
        Err(e) => Err(SimProblem {
            in_value: which.overrides.contains_key(&e.key),
            key: (e.key != "preset").then_some(e.key),
            message: e.message,
            help: e.help,
        }),
    }
}

/// The resolved suites as one file, for `suite.yaml`.
pub fn resolved(suites: &[Suite]) -> String {
    let mut text = String::new();
    for suite in suites {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        text.push_str(&format!("# {}\n", suite.location.file.path));
        text.push_str(&suite.resolved_yaml);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// The HTML report, with the templates of `folder` in place of the built-in ones.
///
/// # Errors
/// When the folder or one of its templates cannot be read.
pub fn html_report(folder: Option<&Path>) -> Result<Html, String> {
    templates(folder).map(Html::new)
}

/// The built-in templates, those of `folder` in place of the ones of the same name.
///
/// # Errors
/// When the folder or one of its templates cannot be read.
pub fn templates(folder: Option<&Path>) -> Result<Templates, String> {
    let Some(folder) = folder else {
        return Ok(Templates::default());
    };
    if !folder.is_dir() {
        return Err(format!("--templates: {} is no folder", folder.display()));
    }
    let mut templates = Templates::default();
    for (name, _) in TEMPLATES {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => templates = templates.with(*name, text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("cannot read {}: {e}", path.display())),
        }
    }
    Ok(templates)
}

/// A number that no other invocation has, for salts.
pub fn new_nonce() -> u64 {
    let state = std::collections::hash_map::RandomState::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    std::hash::BuildHasher::hash_one(&state, now.map_or(0, |d| d.as_nanos()))
}

/// Today's date in UTC.
pub fn today() -> jiff::civil::Date {
    day(jiff::Timestamp::now())
}

/// The date in UTC at `when`.
pub fn day(when: jiff::Timestamp) -> jiff::civil::Date {
    when.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The time of day, RFC 3339 in UTC.
pub fn now() -> String {
    jiff::Timestamp::now().to_string()
}
