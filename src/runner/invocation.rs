//! How cargo, nextest or a person started this process.

use std::path::Path;

use crate::text::slug;

/// A variable of the environment.
pub fn env(name: &str) -> Option<String> {
    std::env::var_os(name).map(|v| v.to_string_lossy().into_owned())
}

/// The id of the nextest run that this process is a part of, as the name of a folder.
pub fn nextest_run(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let id = env("NEXTEST_RUN_ID").filter(|id| !id.is_empty())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.chars().all(plain) && !id.starts_with('.') && id.len() <= 100 {
        Some(id)
    } else {
        Some(format!("run-{}", slug(&id)))
    }
}

/// The command that a person would give to start what this process is a part of: cargo's, where cargo
/// started it, else its own arguments.
pub fn command(words: &[String], env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
    if nextest_run(env).is_some() {
        return owned(&["cargo", "nextest", "run"]);
    }
    let Some((program, rest)) = words.split_first() else {
        return Vec::new();
    };
    let path = Path::new(program);
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .and_then(|f| f.to_str());
    let stem = path.file_stem().and_then(|s| s.to_str());
    let mut command = match (env("CARGO"), folder, stem) {
        (Some(_), Some("deps"), Some(stem)) => {
            owned(&["cargo", "test", "--test", without_hash(stem)])
        }
        (Some(_), Some("examples"), Some(stem)) => owned(&["cargo", "run", "--example", stem]),
        _ => return words.to_vec(),
    };
    if !rest.is_empty() {
        command.push("--".to_owned());
        command.extend_from_slice(rest);
    }
    command
}

/// `suites` of `suites-0123456789abcdef`, as cargo names test binaries.
fn without_hash(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()) => {
            name
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn in_env(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = set.iter().find(|(k, _)| *k == name);
            found.map(|(_, v)| (*v).to_owned())
        }
    }

    #[test]
    fn a_test_binary_is_started_through_cargo() {
        let line = words("/x/target/debug/deps/my-suites-0123456789abcdef steady --exact");
        assert_eq!(
            command(&line, &in_env(&[("CARGO", "/usr/bin/cargo")])),
            words("cargo test --test my-suites -- steady --exact")
        );
        assert_eq!(command(&line, &in_env(&[])), line);
    }

    #[test]
    fn so_is_an_example() {
        let line = words("target/debug/examples/harness");
        assert_eq!(
            command(&line, &in_env(&[("CARGO", "cargo")])),
            words("cargo run --example harness")
        );
    }

    #[test]
    fn under_nextest_the_run_has_its_id_and_its_command() {
        let env = in_env(&[("NEXTEST_RUN_ID", "0f3c-11"), ("CARGO", "cargo")]);
        assert_eq!(nextest_run(&env).as_deref(), Some("0f3c-11"));
        let line = words("target/debug/deps/suites-0123456789abcdef a::b --exact");
        assert_eq!(command(&line, &env), words("cargo nextest run"));
    }

    #[test]
    fn an_id_is_the_name_of_one_folder() {
        let hostile = in_env(&[("NEXTEST_RUN_ID", "../../etc")]);
        let id = nextest_run(&hostile).unwrap();
        assert!(!id.contains('/') && !id.starts_with('.'), "{id}");
        assert_eq!(nextest_run(&in_env(&[("NEXTEST_RUN_ID", "")])), None);
    }
}
