use std::path::Path;

use super::{prony, stdout};

#[test]
fn the_page_of_commands_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let page = prony::cli::reference();
    if std::env::var_os("PRONY_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/cli.md is not what the command line says; write it again with\n\n    \
         PRONY_UPDATE=1 cargo test --test init the_page_of_commands_is_current\n"
    );
}

#[test]
fn completions_of_every_shell_name_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = prony(dir.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = stdout(&output);
        for word in ["run", "check", "init", "--concurrency"] {
            let word = word.trim_start_matches("--");
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let output = prony(dir.path(), &["completions", "csh"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let output = prony(dir.path(), &["man", "man1"]);
    assert_eq!(output.status.code(), Some(0));
    for page in ["prony.1", "prony-run.1", "prony-init.1"] {
        let text = std::fs::read_to_string(dir.path().join("man1").join(page)).expect(page);
        assert!(text.starts_with(".ie"), "{page} is no man page: {text:.40}");
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}

#[test]
fn schemas_are_printed_as_they_are_checked_in() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, file) in [
        (&["schema"][..], "suite"),
        (&["schema", "suite"], "suite"),
        (&["schema", "prony"], "prony"),
    ] {
        let path = format!("docs/{file}.schema.json");
        let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let checked_in = std::fs::read_to_string(checked_in).unwrap();
        assert_eq!(stdout(&prony(dir.path(), arguments)), checked_in);
    }
}
