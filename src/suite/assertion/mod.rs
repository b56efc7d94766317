//! The assertion language: `expr op expr` over metrics of phases.

mod against;
mod ast;
mod check;
mod context;
mod display;
mod lexical;
mod parse;
mod reference;
#[cfg(test)]
mod tests;
mod types;

pub use against::{AgainstBaseline, against_baseline};
pub use ast::{
    Assertion, BinaryOp, Bound, BoundMetric, CmpOp, Expr, ExprKind, Function, Level, LevelName,
    MetricRef, PhaseRef, Quantity, Statistic, TextSpan,
};
pub use check::check;
pub(super) use check::check_value;
pub use context::{AssertionContext, Levels, MAIN_PHASE};
pub use lexical::AssertionError;
pub(super) use parse::{parse_quantity, parse_value};
pub(crate) use reference::is_function;
pub use types::Operand;
pub(crate) use types::shift_decimal;
