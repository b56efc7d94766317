use crate::metrics::Unit;
use crate::suite::assertion::{BinaryOp, CmpOp, Expr, ExprKind, Function, MetricRef, PhaseRef};

/// A leaf of an expression: something that is measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measured {
    /// A metric.
    Metric(MetricRef),
    /// A function of a phase.
    Call(Option<PhaseRef>, Function),
}

impl Measured {
    pub(super) fn phase(&self) -> Option<&PhaseRef> {
        match self {
            Measured::Metric(m) => m.phase.as_ref(),
            Measured::Call(phase, _) => phase.as_ref(),
        }
    }

    pub(super) fn unit(&self) -> Unit {
        match self {
            Measured::Metric(m) => m.metric.unit,
            Measured::Call(_, function) => function.unit(),
        }
    }
}

/// An expression over numbered leaves. Values are coherent: times in seconds, so that products and
/// quotients of different units come out right.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Constant(f64),
    Leaf(usize),
    Neg(Box<Node>),
    Binary(BinaryOp, Box<Node>, Box<Node>),
}

/// One unit expressed in the coherent one of its dimension.
pub(super) fn scale(unit: Unit) -> f64 {
    match unit {
        Unit::Milliseconds => 1e-3,
        _ => 1.0,
    }
}

/// Turns `expr` into a [`Node`], adding what it measures to `leaves` (each once).
pub(super) fn compile(expr: &Expr, leaves: &mut Vec<Measured>) -> Node {
    let mut leaf = |measured: Measured| {
        let known = leaves.iter().position(|l| *l == measured);
        Node::Leaf(known.unwrap_or_else(|| {
            leaves.push(measured);
            leaves.len() - 1
        }))
    };
    match &expr.kind {
        ExprKind::Number(q) => Node::Constant(q.value * q.unit.map_or(1.0, scale)),
        ExprKind::Metric(m) => leaf(Measured::Metric(m.clone())),
        ExprKind::Call { phase, function } => leaf(Measured::Call(phase.clone(), function.clone())),
        ExprKind::Neg(x) => Node::Neg(Box::new(compile(x, leaves))),
        ExprKind::Binary { op, lhs, rhs } => {
            let lhs = Box::new(compile(lhs, leaves));
            Node::Binary(*op, lhs, Box::new(compile(rhs, leaves)))
        }
    }
}

impl Node {
    /// The value, given the coherent values of the leaves. `None` where a leaf has none, or where it is
    /// no number (a division by zero).
    pub(super) fn value(&self, leaf: &mut impl FnMut(usize) -> Option<f64>) -> Option<f64> {
        let value = match self {
            Node::Constant(x) => *x,
            Node::Leaf(i) => leaf(*i)?,
            Node::Neg(x) => -x.value(leaf)?,
            Node::Binary(op, a, b) => {
                let (a, b) = (a.value(leaf)?, b.value(leaf)?);
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div if b == 0.0 => return None,
                    BinaryOp::Div => a / b,
                }
            }
        };
        (!value.is_nan()).then_some(value)
    }

    /// The constant factor of the whole, and what it multiplies: `2 * a / b` is 2 and `a / b`.
    pub(super) fn factored(&self) -> (f64, Node) {
        match self {
            Node::Neg(x) => {
                let (factor, node) = x.factored();
                (-factor, node)
            }
            Node::Binary(BinaryOp::Mul, a, b) => {
                let ((fa, a), (fb, b)) = (a.factored(), b.factored());
                match (&a, &b) {
                    (Node::Constant(c), _) => (fa * c * fb, b),
                    (_, Node::Constant(c)) => (fa * fb * c, a),
                    _ => (
                        fa * fb,
                        Node::Binary(BinaryOp::Mul, Box::new(a), Box::new(b)),
                    ),
                }
            }
            Node::Binary(BinaryOp::Div, a, b) => {
                let ((fa, a), (fb, b)) = (a.factored(), b.factored());
                match &b {
                    _ if fb == 0.0 => (1.0, self.clone()),
                    Node::Constant(c) if *c != 0.0 => (fa / fb / c, a),
                    _ => (
                        fa / fb,
                        Node::Binary(BinaryOp::Div, Box::new(a), Box::new(b)),
                    ),
                }
            }
            _ => (1.0, self.clone()),
        }
    }

    /// Whether something is subtracted or negated in it, so that it can be 0 or less.
    pub(super) fn subtracts(&self) -> bool {
        match self {
            Node::Constant(x) => *x <= 0.0,
            Node::Leaf(_) => false,
            Node::Neg(_) | Node::Binary(BinaryOp::Sub, ..) => true,
            Node::Binary(_, a, b) => a.subtracts() || b.subtracts(),
        }
    }

    /// `(a, b, leaf)` where the expression is `a · leaf + b`; a constant has no leaf. `None`: it is more
    /// than that.
    pub(super) fn affine(&self) -> Option<(f64, f64, Option<usize>)> {
        match self {
            Node::Constant(x) => Some((0.0, *x, None)),
            Node::Leaf(i) => Some((1.0, 0.0, Some(*i))),
            Node::Neg(x) => x.affine().map(|(a, b, leaf)| (-a, -b, leaf)),
            Node::Binary(op, lhs, rhs) => {
                let (la, lb, ll) = lhs.affine()?;
                let (ra, rb, rl) = rhs.affine()?;
                match (op, ll, rl) {
                    (BinaryOp::Add, _, None) => Some((la, lb + rb, ll)),
                    (BinaryOp::Add, None, _) => Some((ra, lb + rb, rl)),
                    (BinaryOp::Sub, _, None) => Some((la, lb - rb, ll)),
                    (BinaryOp::Sub, None, _) => Some((-ra, lb - rb, rl)),
                    (BinaryOp::Mul, _, None) => Some((la * rb, lb * rb, ll)),
                    (BinaryOp::Mul, None, _) => Some((ra * lb, rb * lb, rl)),
                    (BinaryOp::Div, _, None) if rb != 0.0 => Some((la / rb, lb / rb, ll)),
                    _ => None,
                }
            }
        }
    }
}

/// The operator with its sides exchanged.
pub(super) fn flipped(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
    }
}

/// Whether the operator bounds its left side from above.
pub(super) fn bounds_above(op: CmpOp) -> bool {
    matches!(op, CmpOp::Lt | CmpOp::Le)
}
