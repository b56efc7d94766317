use crate::metrics::{MetricDef, Unit};

/// A stretch of the assertion's own text, in bytes.
pub type TextSpan = std::ops::Range<usize>;

/// `lhs op rhs`, checked: names exist, units agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// As written.
    pub text: String,
    /// Left side.
    pub lhs: Expr,
    /// Comparison.
    pub op: CmpOp,
    /// Right side.
    pub rhs: Expr,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmpOp {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands in the assertion's text.
    pub span: TextSpan,
}

/// Kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number with or without a unit.
    Number(Quantity),
    /// A metric of a phase.
    Metric(MetricRef),
    /// A function of a phase, such as `goodput(ttft < 500ms)`.
    Call {
        /// The phase before the dot, if any.
        phase: Option<PhaseRef>,
        /// The function.
        function: Function,
    },
    /// `-x`
    Neg(Box<Expr>),
    /// `a op b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<Expr>,
        /// Right operand.
        rhs: Box<Expr>,
    },
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
}

/// A number in its base unit (milliseconds, shares from 0 to 1, per second, tokens per second).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The value in `unit`.
    pub value: f64,
    /// `None`: a bare number.
    pub unit: Option<Unit>,
}

/// `[phase.]metric[{label=value}][.statistic]`
#[derive(Clone, Debug)]
pub struct MetricRef {
    /// The phase before the dot; absent: the case's only phase.
    pub phase: Option<PhaseRef>,
    /// The metric.
    pub metric: &'static MetricDef,
    /// Restricts to requests that bear these labels.
    pub labels: Vec<(String, String)>,
    /// Present exactly for metrics with several values a phase.
    pub statistic: Option<Statistic>,
}

impl PartialEq for MetricRef {
    fn eq(&self, other: &Self) -> bool {
        self.metric.name == other.metric.name
            && self.phase == other.phase
            && self.labels == other.labels
            && self.statistic == other.statistic
    }
}

/// What stands before a metric's dot.
#[derive(Clone, Debug, PartialEq)]
pub enum PhaseRef {
    /// A phase by name, such as `warm`.
    Named(String),
    /// A level of a sweep, such as `at(8)`.
    At(Level),
    /// The accepted baseline, of the phase inside if one is named.
    Baseline(Option<Box<PhaseRef>>),
}

/// A level of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// `at(8)`: concurrency or replicas.
    Count(u64),
    /// `at(5/s)`: a rate.
    Rate(f64),
    /// `at(first)`, `at(last)`, `at(knee)`.
    Name(LevelName),
}

/// Levels with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelName {
    /// The lowest level.
    First,
    /// The highest level.
    Last,
    /// Where more load stops bringing more throughput.
    Knee,
}

/// Functions of a phase or a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// Share of all requests that met every bound.
    Goodput(Vec<Bound>),
    /// Requests per second that met every bound.
    GoodputRate(Vec<Bound>),
    /// `speedup(n) / n` over the lowest level.
    Efficiency(f64),
    /// Throughput at a level over that at the lowest.
    Speedup(f64),
    /// Share of requests that passed the named content check.
    Check(String),
}

/// One bound inside `goodput(…)`, over a value that every request has one of.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What is bounded.
    pub metric: BoundMetric,
    /// Comparison.
    pub op: CmpOp,
    /// Limit, in the metric's unit.
    pub limit: f64,
}

/// A value that every request has one of.
#[derive(Clone, Copy, Debug)]
pub struct BoundMetric {
    /// The metric.
    pub metric: &'static MetricDef,
    /// For metrics with several values a request: `Mean` or `Max` of the request's own values.
    pub statistic: Option<Statistic>,
}

impl PartialEq for BoundMetric {
    fn eq(&self, other: &Self) -> bool {
        self.metric.name == other.metric.name && self.statistic == other.statistic
    }
}

/// `mean stddev min max median pN`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Arithmetic mean over successes.
    Mean,
    /// Standard deviation over successes.
    Stddev,
    /// Least value.
    Min,
    /// Greatest value over successes.
    Max,
    /// A quantile, as a share: `p99` is 0.99, `median` is 0.5.
    Quantile(f64),
}
