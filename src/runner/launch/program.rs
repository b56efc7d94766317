use std::path::Path;
use std::process::{Command, Stdio};

use crate::suite::CommandLine;

/// A program that is ready to be started. `{port}` in its words and variables stands for `port`,
/// which it also finds as `PORT`; without a port both are left alone.
pub fn program(
    line: &CommandLine,
    env: &[(String, String)],
    cwd: Option<&Path>,
    port: Option<u16>,
) -> Command {
    let filled = |text: &str| match port {
        Some(port) => text.replace("{port}", &port.to_string()),
        None => text.to_owned(),
    };
    let mut command = match line {
        CommandLine::Shell(script) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(filled(script));
            command
        }
        CommandLine::Program(words) => {
            let mut words = words.iter().map(|w| filled(w));
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        }
    };
    if let Some(port) = port {
        command.env("PORT", port.to_string());
    }
    command.envs(env.iter().map(|(name, value)| (name, filled(value))));
    if let Some(cwd) = cwd {
        command.current_dir(cwd);
    }
    command.stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_filled_in_everywhere() {
        let line = CommandLine::Program(vec!["serve".into(), "--port={port}".into()]);
        let env = [("ADDRESS".to_owned(), "0.0.0.0:{port}".to_owned())];
        let command = program(&line, &env, None, Some(8123));
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["--port=8123"]);
        let vars: Vec<_> = command
            .get_envs()
            .filter_map(|(k, v)| Some((k.to_str()?, v?.to_str()?)))
            .collect();
        assert_eq!(vars, [("ADDRESS", "0.0.0.0:8123"), ("PORT", "8123")]);
        let untouched = program(&CommandLine::Shell("echo {port}".into()), &[], None, None);
        assert_eq!(
            untouched.get_args().collect::<Vec<_>>(),
            ["-c", "echo {port}"]
        );
    }
}
