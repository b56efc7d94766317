use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A declarative test runner for the performance of LLM serving endpoints.
#[derive(Debug, Parser)]
#[command(name = "prony", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run suites and write results/<run-id>/
    Run(RunArgs),
    /// List the cases that would run, without touching the network
    List(ListArgs),
    /// Check suites and show the plan, without touching the network
    Check(CheckArgs),
    /// Render a report of a finished (or killed) run again
    Report(ReportArgs),
    /// Serve the embedded engine over HTTP
    Sim(SimArgs),
}

/// Which suites, and what overrides them.
#[derive(Args, Debug, Default)]
pub struct SelectArgs {
    /// Suite files or folders of suites
    #[arg(value_name = "PATHS", default_value = "suites")]
    pub paths: Vec<PathBuf>,
    /// Replace every suite's target: by a URL (http(s)://host:port/v1 or sim://PRESET), or by a
    /// target that prony.yaml names
    #[arg(long, value_name = "NAME|URL")]
    pub target: Option<String>,
    /// Put this profile of prony.yaml over its defaults [env: PRONY_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Set one setting of every scenario, such as load.rate=40/s; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Replace every scenario's seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// `prony list`
#[derive(Args, Debug, Default)]
pub struct ListArgs {
    /// Which suites, and what overrides them.
    #[command(flatten)]
    pub select: SelectArgs,
    /// A line per case, or an array of objects for programs
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// `prony check`
#[derive(Args, Debug, Default)]
pub struct CheckArgs {
    /// Which suites, and what overrides them.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Take assertions that cannot be proven with what is planned as errors
    #[arg(long)]
    pub strict: bool,
}

/// `prony run`
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// Which suites, and what overrides them.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Folder that receives the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Also write the JUnit report to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write the HTML report to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Folder whose templates replace the built-in ones of the same name
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// A label of the run, kept in its results
    #[arg(long = "label", value_name = "K=V", value_parser = parse_label)]
    pub labels: Vec<(String, String)>,
    /// libtest's own arguments: filters, --exact, --skip, --list, --format, …
    #[arg(last = true, value_name = "LIBTEST ARGS")]
    pub libtest: Vec<String>,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is KEY=VALUE, such as commit=3f2a1b".to_owned()),
    }
}

/// `prony report`
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Results folder, or its name under the results folder
    #[arg(value_name = "RUN", default_value = "latest")]
    pub run: PathBuf,
    /// Format
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    pub format: String,
    /// Where to write it; `-` is standard output [default: its usual name in the results folder]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Folder that holds the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Folder whose templates replace the built-in ones of the same name
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

/// `prony sim`
#[derive(Args, Debug)]
pub struct SimArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// Which engine; `--list-presets` names them
    #[arg(long, value_name = "NAME", default_value = "")]
    pub preset: String,
    /// YAML file of settings to put over the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Fixes everything random about this start of the engine
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print the presets and leave
    #[arg(long)]
    pub list_presets: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn labels_are_pairs() {
        assert_eq!(parse_label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_label("a").is_err());
        assert!(parse_label("=b").is_err());
    }
}
