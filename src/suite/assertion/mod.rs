//! The assertion language: `expr op expr` over metrics of phases.

mod ast;

pub use ast::{
    Assertion, BinaryOp, Bound, BoundMetric, CmpOp, Expr, ExprKind, Function, Level, LevelName,
    MetricRef, PhaseRef, Quantity, Statistic, TextSpan,
};
