use std::io::{self, IsTerminal};

use crate::report::console::Style;

/// The least width that tables are fitted to.
const NARROWEST: usize = 40;
/// The greatest: longer lines are hard to read.
const WIDEST: usize = 160;

/// How standard output wants its text: colours on a terminal, lines as wide as it.
pub fn stdout_style() -> Style {
    let terminal = io::stdout().is_terminal();
    let width = terminal_size::terminal_size().filter(|_| terminal);
    Style {
        color: colored(terminal, &|name| std::env::var(name).ok()),
        width: width.map_or(Style::PLAIN.width, |(w, _)| {
            usize::from(w.0).clamp(NARROWEST, WIDEST)
        }),
        wrap: terminal,
    }
}

/// Whether messages on standard error may have colours.
pub fn stderr_color() -> bool {
    colored(io::stderr().is_terminal(), &|name| std::env::var(name).ok())
}

/// `NO_COLOR` is stronger than `CLICOLOR_FORCE`, that than `CLICOLOR=0`, and that than what is at the other
/// end (<https://no-color.org>, <https://bixense.com/clicolors>).
fn colored(terminal: bool, env: &dyn Fn(&str) -> Option<String>) -> bool {
    if env("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        return false;
    }
    if env("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") {
        return true;
    }
    terminal && env("CLICOLOR").is_none_or(|v| v != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_on_a_terminal_unless_somebody_says_otherwise() {
        let colored = |terminal, set: &[(&str, &str)]| {
            colored(terminal, &|name| {
                let found = set.iter().find(|(n, _)| *n == name);
                found.map(|(_, v)| (*v).to_owned())
            })
        };
        assert!(colored(true, &[]) && !colored(false, &[]));
        assert!(!colored(true, &[("NO_COLOR", "1")]));
        assert!(colored(true, &[("NO_COLOR", "")]));
        assert!(colored(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colored(true, &[("CLICOLOR", "0")]));
        assert!(!colored(
            true,
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
        ));
    }
}
