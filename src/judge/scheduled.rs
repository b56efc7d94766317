use crate::metrics::{MetricDef, metric};
use crate::suite::assertion::{Assertion, Bound, Expr, ExprKind, Function};

/// The assertion with every latency that counts from sending counted from when the request was due.
/// `None`: it has none. In open loop, where the two lead to different verdicts, this one decides: it is
/// free of coordinated omission.
pub(super) fn scheduled_twin(assertion: &Assertion) -> Option<Assertion> {
    let mut twin = assertion.clone();
    let changed = rewrite(&mut twin.lhs) | rewrite(&mut twin.rhs);
    changed.then_some(twin)
}

fn twin_of(def: &MetricDef) -> Option<&'static MetricDef> {
    match def.name {
        "ttft" => metric("ttft_scheduled"),
        "e2e_latency" => metric("e2e_latency_scheduled"),
        _ => None,
    }
}

fn rewrite(expr: &mut Expr) -> bool {
    match &mut expr.kind {
        ExprKind::Number(_) => false,
        ExprKind::Metric(m) => match twin_of(m.metric) {
            Some(twin) => {
                m.metric = twin;
                true
            }
            None => false,
        },
        ExprKind::Call { function, .. } => match function {
            Function::Goodput(bounds) | Function::GoodputRate(bounds) => rewrite_bounds(bounds),
            Function::Efficiency(_) | Function::Speedup(_) | Function::Check(_) => false,
        },
        ExprKind::Neg(x) => rewrite(x),
        ExprKind::Binary { lhs, rhs, .. } => rewrite(lhs) | rewrite(rhs),
    }
}

fn rewrite_bounds(bounds: &mut [Bound]) -> bool {
    let mut changed = false;
    for bound in bounds {
        if let Some(twin) = twin_of(bound.metric.metric) {
            bound.metric.metric = twin;
            changed = true;
        }
    }
    changed
}
