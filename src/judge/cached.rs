use crate::metrics::{PhaseSamples, request_value, transferred};
use crate::plan::{Answer, COLD, Case, Found, WARM};
use crate::record::{BlockFrom, CacheFacts};
use crate::stats::{Bounds, Moments, quantile, student_t};
use crate::suite::KindPlan;

use super::input::JudgePhase;
use super::validity::Invalid;
use super::words::number;

/// What the cold and the warm phase of kind `cache` say together; nothing for other cases.
pub(super) fn cached(case: &Case, phases: &[JudgePhase<'_>]) -> Option<Found> {
    if !matches!(case.scenario.plan, KindPlan::Cache(_)) {
        return None;
    }
    let mut found = Found::default();
    if let Some(facts) = facts(phases) {
        let n = facts.block_tokens;
        found.notes.push(match facts.block_from {
            BlockFrom::Suite => format!("blocks of {n} tokens, as stated"),
            BlockFrom::FoundOut => {
                format!("blocks of {n} tokens, as prompts asked twice have shown")
            }
            BlockFrom::Assumed => "the size of the cache's blocks could not be found out, and is taken to be a token: state `cache: { block_size: … }`".to_owned(),
        });
    }
    found.answers.extend(saved(case, phases));
    Some(found)
}

fn facts(phases: &[JudgePhase<'_>]) -> Option<CacheFacts> {
    let warm = phases.iter().find(|p| p.name == WARM)?;
    warm.runs.iter().find_map(|run| run.cache)
}

/// Time to first token and cached tokens of a phase's successful requests.
struct Account {
    ttft: Moments,
    cached: Moments,
}

fn account(phases: &[JudgePhase<'_>], name: &str) -> Option<Account> {
    let phase = phases.iter().find(|p| p.name == name)?;
    let samples = PhaseSamples::new(phase.runs, phase.interrupted);
    if transferred(&samples) {
        return None;
    }
    let ok = || samples.rows().map(|row| row.record).filter(|r| r.ok());
    let of = |metric: &str| -> Option<Moments> {
        ok().map(|r| request_value(r, metric))
            .collect::<Option<_>>()
    };
    let account = Account {
        ttft: of("ttft")?,
        cached: of("cached_tokens")?,
    };
    (account.ttft.n() > 0).then_some(account)
}

/// By how much a cached token makes the first one come sooner. Bounds: those of the difference of the two
/// means (Welch), over the difference of the cached tokens, which are counted and not sampled.
fn saved(case: &Case, phases: &[JudgePhase<'_>]) -> Option<Answer> {
    let (cold, warm) = (account(phases, COLD)?, account(phases, WARM)?);
    let tokens = warm.cached.mean()? - cold.cached.mean()?;
    // Without a cached token nothing is saved by one.
    (tokens >= 1.0).then_some(())?;
    let value = (cold.ttft.mean()? - warm.ttft.mean()?) / tokens;
    let squared = |m: &Moments| Some((m.stddev()?.powi(2) / m.n() as f64, m.n() as f64 - 1.0));
    let bounds = squared(&cold.ttft).zip(squared(&warm.ttft)).map_or(
        Bounds::UNKNOWN,
        |((a, of_a), (b, of_b))| {
            let freedom = (a + b).powi(2) / (a * a / of_a + b * b / of_b);
            let half = if a + b > 0.0 {
                student_t(case.scenario.confidence, freedom.max(1.0)) * (a + b).sqrt() / tokens
            } else {
                0.0
            };
            Bounds {
                lower: value - half,
                upper: value + half,
            }
        },
    );
    Some(Answer {
        name: "ttft_saved_per_cached_token",
        value,
        bounds,
    })
}

/// Whether the cold phase among `phases` was none: what its prompts had cached is more than what all
/// prompts share, the server's template and what of it fills a block.
pub(super) fn not_cold(phase: &JudgePhase<'_>, phases: &[JudgePhase<'_>]) -> Option<Invalid> {
    if phase.name != COLD {
        return None;
    }
    let facts = facts(phases)?;
    let samples = PhaseSamples::new(phase.runs, phase.interrupted);
    let ok = samples.rows().map(|row| row.record).filter(|r| r.ok());
    let mut cached: Vec<f64> = ok
        .filter_map(|r| request_value(r, "cached_tokens"))
        .collect();
    cached.sort_by(f64::total_cmp);
    let median = quantile(&cached, 0.5)?;
    let (block, template) = (facts.block_tokens, facts.template_tokens);
    (median > f64::from(block) + f64::from(template)).then(|| Invalid {
        reason: format!(
            "the cold phase was not cold: half of its requests had {} or more of their tokens cached, and the template ({template}) and a block ({block}) explain no more than {}",
            number(median),
            block + template
        ),
        remedy: "empty the cache before each phase (`cache: { flush: { post: /reset_prefix_cache } }` or `flush: restart`), leave `salt` on, or set the server's own (`body: { cache_salt: … }`) anew for each invocation".to_owned(),
    })
}
