use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    Run(Box<RunArgs>),
    /// List the cases that would run, without touching the network
    List(ListArgs),
    /// Check suites and show the plan, without touching the network
    Check(CheckArgs),
    /// Measure the same over and over: what varies by how much, and what can be gated on therefore
    Calibrate(Box<CalibrateArgs>),
    /// Render a report of a finished (or killed) run again
    Report(ReportArgs),
    /// Accepted results: list, review, accept, reject, rename, prune
    Baseline(BaselineArgs),
    /// Compare two results folders, or (with --ab) two live targets by turns, case by case and metric by metric
    Compare(CompareArgs),
    /// Serve the embedded engine over HTTP
    Sim(SimArgs),
    /// Say what this client can sustain on this machine, and what a target supports
    Doctor(DoctorArgs),
    /// Write a commented first suite, a prony.yaml and a CI workflow
    Init(InitArgs),
    /// Print the JSON Schema of suites or of prony.yaml, for editors
    Schema(SchemaArgs),
    /// Print a shell's completions
    Completions(CompletionsArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man(ManArgs),
}

/// Which suites, and what overrides them.
#[derive(Args, Debug, Default)]
pub struct SelectArgs {
    /// Suite files or folders of suites; `run` also takes one URL to load
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
    /// Folder that holds the results folders: what the latest run varied by says what could be told
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Take assertions that cannot be decided with what is planned as errors
    #[arg(long)]
    pub strict: bool,
}

/// `prony calibrate`
#[derive(Args, Debug, Default)]
pub struct CalibrateArgs {
    /// Which suites, and what overrides them.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Runs in each session [default: 5; 10 where the target cannot be started anew]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: Option<u32>,
    /// Starts of the target, for those that prony can start [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub sessions: Option<u32>,
    /// Also say what could be gated on if a gated run of a case took at most that time, such as 10m
    #[arg(long, value_name = "TIME", value_parser = parse_max_time)]
    pub time_budget: Option<MaxTime>,
    /// Begin no session after that time; at least two are measured
    #[arg(long, value_name = "TIME", value_parser = parse_max_time)]
    pub max_time: Option<MaxTime>,
    /// Afterwards measure N pairs of sides that are the same, and judge them at what is proposed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub verify: Option<u32>,
    /// Put `noise:` into the suites, and as a comment what could be gated on
    #[arg(long)]
    pub write: bool,
    /// A table per phase, or an array of objects for programs
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
    /// Folder that receives the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Run in virtual time; only for sim:// targets
    #[arg(long = "virtual")]
    pub virtual_time: bool,
    /// Filters as libtest has them: names of cases, --exact, --skip
    #[arg(last = true, value_name = "LIBTEST ARGS")]
    pub libtest: Vec<String>,
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
    /// Run in virtual time: deterministic, and an hour in seconds; only for sim:// targets
    #[arg(long = "virtual")]
    pub virtual_time: bool,
    /// Also write the JUnit report to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write the HTML report to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Folder whose templates replace the built-in ones of the same name
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Folder of the accepted results that scenarios with a `baseline` are compared with
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    pub baselines: PathBuf,
    /// Which machine this is, for baselines [default: the accelerator, where prony can tell]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Write nothing beside accepted baselines, and exit with 5 where one is missing, waits for a decision
    /// or is not comparable [env: CI]
    #[arg(long)]
    pub ci: bool,
    /// Accept what was measured without asking: where nothing is accepted yet, or all of it
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true,
        default_missing_value = "missing", value_parser = ["missing", "all"])]
    pub update_baselines: Option<String>,
    /// Start no case after that time, such as 30m; cases left over are skipped, and the exit code is 3
    #[arg(long, value_name = "TIME", value_parser = parse_max_time)]
    pub max_time: Option<MaxTime>,
    /// Start no case after the first that did not pass
    #[arg(long)]
    pub fail_fast: bool,
    /// Run only the cases that failed in an earlier run [default: latest]
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    pub rerun_failed: Option<Option<PathBuf>>,
    /// Say little: a character per case, what failed, and how it ended
    #[arg(long, short, conflicts_with = "format")]
    pub quiet: bool,
    /// Lines and tables for people, or for programs libtest's events and a last one with what the run came
    /// to, each a line of JSON
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
    /// A label of the run, kept in its results
    #[arg(long = "label", value_name = "K=V", value_parser = parse_label)]
    pub labels: Vec<(String, String)>,
    /// libtest's own arguments: filters, --exact, --skip, --list, --format, …
    #[arg(last = true, value_name = "LIBTEST ARGS")]
    pub libtest: Vec<String>,
    /// An ad-hoc run.
    #[command(flatten)]
    pub ad_hoc: AdHocArgs,
}

/// `prony run URL`: one load on one target, without a suite file.
///
/// Values are text: they go into a suite, and its loader says what is wrong with them.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "One load on a URL, without a suite file")]
pub struct AdHocArgs {
    /// Name of the model [default: the first that the server lists]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Protocol: chat or completions [default: chat]
    #[arg(long, value_name = "API")]
    pub api: Option<String>,
    /// Closed loop: that many requests in flight at all times [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "rate")]
    pub concurrency: Option<String>,
    /// Open loop: requests are due at this rate, such as 20/s
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// With --rate: constant, poisson or gamma(SHAPE) [default: poisson]
    #[arg(long, value_name = "ARRIVALS", requires = "rate")]
    pub arrivals: Option<String>,
    /// How long to measure, such as 30s [default: 1m, or until --requests]
    #[arg(long, value_name = "TIME")]
    pub duration: Option<String>,
    /// How many requests to measure
    #[arg(long, value_name = "N")]
    pub requests: Option<String>,
    /// Load before that, which is not measured [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub warmup: Option<String>,
    /// Tokens of a prompt [default: 512]
    #[arg(long, value_name = "N")]
    pub input_tokens: Option<String>,
    /// Tokens of an answer [default: 128]
    #[arg(long, value_name = "N")]
    pub output_tokens: Option<String>,
    /// What has to hold, such as 'ttft.p99 < 1s'; may be given several times
    #[arg(long, value_name = "ASSERTION", allow_hyphen_values = true)]
    pub sla: Vec<String>,
    /// Also write the suite that does the same
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Let --save overwrite a file
    #[arg(long, requires = "save")]
    pub force: bool,
}

/// `--max-time`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxTime {
    /// As written.
    pub written: String,
    /// What it says.
    pub duration: Duration,
}

fn parse_max_time(text: &str) -> Result<MaxTime, String> {
    Ok(MaxTime {
        written: text.to_owned(),
        duration: crate::suite::written_duration(text)?,
    })
}

/// The suites that are meant where no path is given.
pub fn default_paths() -> Vec<PathBuf> {
    vec![PathBuf::from("suites")]
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
    /// Results folders, or their names under the results folder; several stand side by side, with what
    /// changed against the first [default: latest]
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Format: html, junit, markdown, csv, json, openmetrics, plots (a folder of pictures), pdf (where it was
    /// built in)
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    pub format: String,
    /// Where to write it; `-` is standard output [default: its usual name in the (first) results folder]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Folder that holds the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Folder whose templates replace the built-in ones of the same name
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

/// `prony baseline`
#[derive(Args, Debug)]
pub struct BaselineArgs {
    /// Folder of the accepted results
    #[arg(long, value_name = "DIR", default_value = "baselines", global = true)]
    pub baselines: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What `prony baseline` does.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// List what is accepted, what waits for a decision, and what no suite has any more
    List(BaselineSuites),
    /// Decide on every proposal, key by key; without a terminal, print the commands that decide
    Review(BaselineSuites),
    /// Accept proposals
    Accept(BaselineAccept),
    /// Throw proposals away
    Reject(BaselineReject),
    /// Take the accepted file of a case along to its new name
    Rename(BaselineRename),
    /// Remove accepted files of cases that no suite has any more
    Prune(BaselinePrune),
}

/// Which suites there are.
#[derive(Args, Debug, Default)]
pub struct BaselineSuites {
    /// Suite files or folders of suites
    #[arg(value_name = "PATHS", default_value = "suites")]
    pub paths: Vec<PathBuf>,
}

/// `prony baseline accept`
#[derive(Args, Debug, Default)]
pub struct BaselineAccept {
    /// Full names of cases, such as chat::steady, or parts of them
    #[arg(value_name = "CASES", required_unless_present = "all")]
    pub cases: Vec<String>,
    /// Every proposal
    #[arg(long, conflicts_with = "cases")]
    pub all: bool,
    /// Take proposals from a results folder, or from a zip with one, such as a CI artefact
    #[arg(long, value_name = "RUN|ZIP")]
    pub from: Option<PathBuf>,
    /// Folder that holds the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

/// `prony baseline reject`
#[derive(Args, Debug, Default)]
pub struct BaselineReject {
    /// Full names of cases, such as chat::steady, or parts of them
    #[arg(value_name = "CASES", required_unless_present = "all")]
    pub cases: Vec<String>,
    /// Every proposal
    #[arg(long, conflicts_with = "cases")]
    pub all: bool,
}

/// `prony baseline rename`
#[derive(Args, Debug)]
pub struct BaselineRename {
    /// Full name of the case as it was, such as chat::steady
    #[arg(value_name = "OLD")]
    pub old: String,
    /// Full name of the case as it is now
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// `prony baseline prune`
#[derive(Args, Debug, Default)]
pub struct BaselinePrune {
    /// Which suites there are
    #[command(flatten)]
    pub suites: BaselineSuites,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `prony compare`
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Results folder to compare with, or its name under the results folder
    #[arg(value_name = "BASE", required_unless_present = "ab")]
    pub base: Option<PathBuf>,
    /// Results folder that is compared [default: latest]
    #[arg(value_name = "CANDIDATE")]
    pub candidate: Option<PathBuf>,
    /// Measure two live targets by turns instead, the base first: URLs, or targets that prony.yaml
    /// names. Where both are started by prony, they are started anew for each repeat
    #[arg(long, num_args = 2, value_names = ["BASE", "CANDIDATE"], conflicts_with_all = ["base", "candidate"],
        requires = "suite")]
    pub ab: Vec<String>,
    /// With --ab: suite file or folder of suites that both are measured with
    #[arg(long, value_name = "PATH", requires = "ab")]
    pub suite: Vec<PathBuf>,
    /// With --ab: how often each target is measured [default: as the suite plans, 5 where it plans
    /// fewer than 3]
    #[arg(long, value_name = "N", requires = "ab", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: Option<u32>,
    /// With --ab: run in virtual time; only for sim:// targets
    #[arg(long = "virtual", requires = "ab")]
    pub virtual_time: bool,
    /// With --ab: set one setting of every scenario, such as load.rate=40/s; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "ab")]
    pub set: Vec<String>,
    /// How much worse is tolerated, as a percentage [default: with --ab what `baseline:` says of a
    /// metric; else 10%]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub tolerance: Option<f64>,
    /// What starts of the server differ by, as a percentage [default: 3%, of times 5%, said to be assumed]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub noise: Option<f64>,
    /// Folder that holds the results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>();
    match number {
        Ok(percent) if text.trim().ends_with('%') && percent.is_finite() && percent >= 0.0 => {
            Ok(percent / 100.0)
        }
        _ => Err("write a percentage, such as 10%".to_owned()),
    }
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

/// `prony doctor`
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Ask this server what it supports (http(s)://host:port/v1 or sim://PRESET). Where it wants a
    /// key, it is taken from the variable API_KEY
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Model to ask for [default: the first that the server lists]
    #[arg(long, value_name = "NAME", requires = "target")]
    pub model: Option<String>,
    /// Transport of this client to measure
    #[arg(long, value_name = "NAME", value_enum, default_value_t = DoctorTransport::Lean)]
    pub transport: DoctorTransport,
    /// For people, or for programs
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// `--transport`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorTransport {
    /// prony's own, straight on TCP or TLS
    Lean,
    /// reqwest
    Reqwest,
}

impl From<DoctorTransport> for crate::suite::TransportKind {
    fn from(transport: DoctorTransport) -> Self {
        match transport {
            DoctorTransport::Lean => Self::Lean,
            DoctorTransport::Reqwest => Self::Reqwest,
        }
    }
}

/// `prony init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Folder to write into
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Ask this server what it is, and fill that in (http(s)://host:port/v1 or sim://PRESET).
    /// Where it wants a key, it is taken from the variable API_KEY
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
}

/// `prony schema`
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Schema of which file
    #[arg(value_name = "WHICH", value_enum, default_value_t = SchemaOf::Suite)]
    pub which: SchemaOf,
}

/// What `prony schema` describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Suites
    Suite,
    /// prony.yaml
    Prony,
}

/// `prony completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// `prony man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Folder that receives prony.1, prony-run.1, …
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
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
