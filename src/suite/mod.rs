//! YAML → types that cannot be wrong; units; the assertion language; diagnostics with file, line
//! and column. No I/O: files are handed in as text.

pub mod assertion;
mod diagnostic;
mod model;
mod source;

pub use diagnostic::Diagnostic;
pub use model::{
    Api, Arrivals, Kind, Length, Load, LoadShape, PromptSource, Prompts, SaltMode, Scenario,
    Secret, SimOverrides, SlaAssertion, Stage, StageLevel, Suite, Target, TargetUrl, Timeouts,
    Undecided,
};
pub use source::{Location, SourceFile, Span};
