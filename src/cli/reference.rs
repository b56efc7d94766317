use clap::{Arg, ArgAction, Command, CommandFactory};

use super::args::Cli;

/// The command line as a page of Markdown: `docs/cli.md`.
pub fn reference() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = String::from(
        "# Commands\n\nWritten by prony from its own command line; `prony COMMAND --help` says the same.\n",
    );
    for command in root.get_subcommands().filter(|c| listed(c)) {
        let about = cell(&sentence(command.get_about().map(ToString::to_string)));
        let link = command.get_name();
        page += &format!("\n- [`prony {link}`](#prony-{link}): {about}");
    }
    page.push('\n');
    for command in root.get_subcommands().filter(|c| listed(c)) {
        page += &section(command);
    }
    page
}

fn listed(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn section(command: &Command) -> String {
    let about = cell(&sentence(command.get_about().map(ToString::to_string)));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let mut out = format!(
        "\n## prony {}\n\n{about}.\n\n```text\n{usage}\n```\n",
        command.get_name()
    );
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in shown(command) {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    for heading in headings {
        if let Some(heading) = heading {
            out += &format!("\n**{heading}**\n");
        }
        out += "\n| argument | meaning | default |\n| --- | --- | --- |\n";
        for arg in shown(command).filter(|a| a.get_help_heading() == heading) {
            out += &row(arg);
        }
    }
    out
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|a| !a.is_hide_set() && a.get_id() != "help" && a.get_id() != "version")
}

fn row(arg: &Arg) -> String {
    let help = sentence(arg.get_help().map(ToString::to_string));
    // What clap cannot know the default of says it in its text.
    let (help, said) = match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
        None => (help, String::new()),
    };
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .filter(|v| !v.is_empty())
        .map(|v| format!("`{}`", v.to_string_lossy()))
        .collect();
    let default = match (said.is_empty(), defaults.is_empty()) {
        (false, _) => said,
        (true, false) if takes_value(arg) => defaults.join(" "),
        _ => String::new(),
    };
    let choices: Vec<_> = arg
        .get_possible_values()
        .iter()
        .filter(|_| takes_value(arg))
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    let help = if choices.is_empty() {
        help
    } else {
        format!("{help}: {}", choices.join(", "))
    };
    format!(
        "| `{}` | {} | {} |\n",
        name(arg),
        cell(&help),
        cell(&default)
    )
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// As it is typed: `--label K=V`, `-o, --output FILE`, `PATHS`.
fn name(arg: &Arg) -> String {
    let values: Vec<_> = arg.get_value_names().unwrap_or_default().to_vec();
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    let values = values.join(" ");
    let (Some(long), short) = (arg.get_long(), arg.get_short()) else {
        let dashes = if arg.is_last_set() { "-- " } else { "" };
        return format!("{dashes}{values}");
    };
    let short = short.map_or_else(String::new, |s| format!("-{s}, "));
    if takes_value(arg) {
        format!("{short}--{long} {values}")
    } else {
        format!("{short}--{long}")
    }
}

fn sentence(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` in a table: what HTML would swallow stays.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
