use crate::judge::{Against, Design, JudgePhase, MetricNoise, detectable, variance_with};
use crate::metrics::metric;
use crate::plan::{Case, Look};
use crate::result::{LevelNoise, NoiseResult};
use crate::suite::assertion::{MetricRef, Operand};

/// What the metrics of each of `phases` vary by, and what that means for the case's plan. Nothing of a
/// phase with a single run.
pub(super) fn noise_of(
    case: &Case,
    phases: &[JudgePhase<'_>],
    look: Look,
) -> Vec<Vec<NoiseResult>> {
    phases
        .iter()
        .map(|phase| {
            if phase.runs.len() < 2 {
                return Vec::new();
            }
            let noise = variance_with(std::slice::from_ref(phase), &asserted(case));
            noise.iter().map(|noise| told(case, noise, look)).collect()
        })
        .collect()
}

/// Metrics that the case asserts something of, whatever their phase.
fn asserted(case: &Case) -> Vec<MetricRef> {
    let scenario = &case.scenario;
    let of_sla = scenario.sla.iter().flat_map(|a| a.assertion.operands());
    let of_rules = scenario.baseline.iter().flat_map(|r| r.value.operands());
    let metrics = of_sla.chain(of_rules).filter_map(|operand| match operand {
        Operand::Metric(m) => Some(m.clone()),
        Operand::Call { .. } => None,
    });
    metrics.collect()
}

fn told(case: &Case, noise: &MetricNoise, look: Look) -> NoiseResult {
    let known = |level: Option<crate::judge::Known>| {
        level.map(|k| LevelNoise {
            sd: k.sd,
            freedom: k.freedom,
        })
    };
    let against = Against::Same;
    let design = Design {
        repeats: noise.runs,
        sessions: noise.sessions,
        against,
        confidence: case.scenario.confidence,
        look,
    };
    let tells = detectable(noise, &design, None);
    NoiseResult {
        metric: noise.name(),
        runs: noise.runs,
        sessions: noise.sessions,
        typical: noise.typical,
        unit: metric(noise.metric).map_or(crate::metrics::Unit::Count, |m| m.unit),
        requests: noise.sampling,
        run: known(noise.run),
        within: known(noise.within),
        session: known(noise.session),
        between: known(noise.between),
        smallest_change: tells.as_ref().and_then(|t| t.smallest_change),
        text: tells.map_or(String::new(), |t| t.to_string()),
    }
}
