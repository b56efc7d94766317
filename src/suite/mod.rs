//! YAML → types that cannot be wrong; units; the assertion language; diagnostics with file, line
//! and column. No I/O: files are handed in as bytes, variables through a function.

pub mod assertion;
mod baseline_setting;
pub mod builder;
mod client_setting;
mod compose;
mod de;
mod diagnostic;
mod edit;
mod evidence;
mod evidence_setting;
mod exceptions;
mod expansion;
mod histogram;
mod hooks;
mod hooks_setting;
mod interpolate;
mod kinds;
mod later;
mod launch;
mod launch_setting;
mod length_setting;
mod load_setting;
mod loader;
mod matrix;
mod model;
mod named_targets;
mod names;
mod plain;
mod project;
mod prompts_setting;
#[cfg(test)]
mod prompts_tests;
mod reader;
mod resolve;
mod resolved;
pub mod schema;
mod scrape_setting;
mod secrets;
mod set_flag;
mod settings;
mod sla;
mod snippet;
mod source;
mod target_setting;
#[cfg(test)]
mod tests;
mod tokenizer_setting;
mod units;
mod yaml;
mod yaml_help;

pub use baseline_setting::{BaselineRule, Tolerance};
pub use compose::{AD_HOC, AdHoc, Composed};
pub use diagnostic::{Diagnostic, render_all};
pub use edit::{Edit, edited};
pub use evidence::{AssumedNoise, Extend, NoiseOf};
pub use histogram::{Bin, Histogram};
pub use hooks::{Hook, HookAction, HookMethod, HookTarget, HookUrl, Hooks, SuiteHooks};
pub use kinds::{
    Axis, Budget, CachePlan, Disaggregation, Flush, Goal, Interference, KindPlan, Replicas, Scale,
    Scaling, Search, Sweep, SweepLevels, SweepOrder,
};
pub use launch::{CommandLine, Launch, Probe, Ready, Restart};
pub use loader::{
    LoadOptions, ReadFile, SimProblem, SuiteInput, ValidateSim, load, load_each, nearest_name,
};
pub use model::{
    Api, Arrivals, ClientBounds, Conversation, Kind, KnownIssue, Length, LengthTolerance, Load,
    LoadShape, Popularity, Prefix, PromptSource, Prompts, SaltMode, Scenario, Secret, Shape,
    SimOverrides, SlaAssertion, Stage, StageLevel, Start, Suite, TIKTOKEN_NAMES, Target, TargetUrl,
    Timeouts, TokenizerChoice, TransportKind, Undecided,
};
pub use plain::plain_mapping;
pub use scrape_setting::{PageUrl, Scrape};
pub use snippet::{Snippet, render_snippet};
pub use source::{Location, SourceFile, Span};
pub use units::{show_duration, written_duration};
