//! Canonical text of assertions: reading it gives the same assertion again.

use std::fmt::{self, Display, Formatter};

use super::ast::{
    Assertion, BinaryOp, Bound, BoundMetric, CmpOp, Expr, ExprKind, Function, Level, LevelName,
    MetricRef, PhaseRef, Quantity, Statistic,
};
use super::types::shift_decimal;
use crate::metrics::Unit;

impl Display for Assertion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.lhs, self.op, self.rhs)
    }
}

impl CmpOp {
    /// As written in suites.
    pub fn symbol(self) -> &'static str {
        match self {
            CmpOp::Lt => "<",
            CmpOp::Le => "<=",
            CmpOp::Gt => ">",
            CmpOp::Ge => ">=",
        }
    }

    /// Whether `lhs op rhs` holds; false where either is not a number.
    pub fn holds(self, lhs: f64, rhs: f64) -> bool {
        match self {
            CmpOp::Lt => lhs < rhs,
            CmpOp::Le => lhs <= rhs,
            CmpOp::Gt => lhs > rhs,
            CmpOp::Ge => lhs >= rhs,
        }
    }
}

impl Display for CmpOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl BinaryOp {
    /// As written in suites.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
        }
    }

    fn binds(self) -> u8 {
        match self {
            BinaryOp::Add | BinaryOp::Sub => 1,
            BinaryOp::Mul | BinaryOp::Div => 2,
        }
    }
}

impl Expr {
    fn binds(&self) -> u8 {
        match &self.kind {
            ExprKind::Binary { op, .. } => op.binds(),
            _ => 3,
        }
    }
}

/// `expr`, in parentheses unless it binds at least as strongly as `least`.
fn grouped(f: &mut Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    if expr.binds() < least {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(quantity) => write!(f, "{quantity}"),
            ExprKind::Metric(reference) => write!(f, "{reference}"),
            ExprKind::Call { phase, function } => {
                if let Some(phase) = phase {
                    write!(f, "{phase}.")?;
                }
                write!(f, "{function}")
            }
            ExprKind::Neg(inner) => {
                f.write_str("-")?;
                grouped(f, inner, 3)
            }
            ExprKind::Binary { op, lhs, rhs } => {
                grouped(f, lhs, op.binds())?;
                write!(f, " {} ", op.symbol())?;
                grouped(f, rhs, op.binds() + 1)
            }
        }
    }
}

impl Display for Quantity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.unit {
            Some(Unit::Ratio) => write!(f, "{}%", shift_decimal(self.value, 2)),
            Some(Unit::Milliseconds) => write!(f, "{}ms", self.value),
            Some(Unit::PerSecond) => write!(f, "{}/s", self.value),
            Some(Unit::TokensPerSecond) => write!(f, "{}tok/s", self.value),
            Some(Unit::Tokens | Unit::Count) | None => write!(f, "{}", self.value),
        }
    }
}

impl Display for MetricRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(phase) = &self.phase {
            write!(f, "{phase}.")?;
        }
        f.write_str(self.metric.name)?;
        if !self.labels.is_empty() {
            let labels: Vec<_> = self
                .labels
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            write!(f, "{{{}}}", labels.join(","))?;
        }
        if let Some(statistic) = self.statistic {
            write!(f, ".{statistic}")?;
        }
        Ok(())
    }
}

impl Display for PhaseRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            PhaseRef::Named(name) => f.write_str(name),
            PhaseRef::At(level) => write!(f, "at({level})"),
            PhaseRef::Baseline(None) => f.write_str("baseline"),
            PhaseRef::Baseline(Some(phase)) => write!(f, "baseline.{phase}"),
        }
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Level::Count(n) => write!(f, "{n}"),
            Level::Rate(rate) => write!(f, "{rate}/s"),
            Level::Name(LevelName::First) => f.write_str("first"),
            Level::Name(LevelName::Last) => f.write_str("last"),
            Level::Name(LevelName::Knee) => f.write_str("knee"),
        }
    }
}

impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, bounds) = match self {
            Function::Efficiency(n) => return write!(f, "efficiency({n})"),
            Function::Speedup(n) => return write!(f, "speedup({n})"),
            Function::Check(name) => return write!(f, "check({name})"),
            Function::Goodput(bounds) => ("goodput", bounds),
            Function::GoodputRate(bounds) => ("goodput_rate", bounds),
        };
        let bounds: Vec<_> = bounds.iter().map(Bound::to_string).collect();
        write!(f, "{name}({})", bounds.join(", "))
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let limit = Quantity {
            value: self.limit,
            unit: Some(self.metric.metric.unit),
        };
        write!(f, "{} {} {limit}", self.metric, self.op)
    }
}

impl Display for BoundMetric {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.name)?;
        if let Some(statistic) = self.statistic {
            write!(f, ".{statistic}")?;
        }
        Ok(())
    }
}

impl Display for Statistic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::Mean => f.write_str("mean"),
            Statistic::Stddev => f.write_str("stddev"),
            Statistic::Min => f.write_str("min"),
            Statistic::Max => f.write_str("max"),
            Statistic::Quantile(share) => write!(f, "p{}", shift_decimal(*share, 2)),
        }
    }
}
