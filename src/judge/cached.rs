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

#[cfg(test)]
mod tests {
    use super::super::test_support::*;
    use super::*;
    use crate::judge::{JudgeInput, Verdict, judge_case};
    use crate::record::{BlockFrom, RunRecords};
    use crate::result::ClientHealth;
    use crate::suite::CachePlan;
    use crate::suite::assertion::CmpOp;

    fn run(ttft_ms: f64, cached: u64, ideal: Option<u64>) -> RunRecords {
        let mut run = run_of(ttft_ms);
        for record in &mut run.records {
            record.input_tokens = Some(1000);
            record.cached_tokens = Some(cached);
            record.ideal_cached_tokens = ideal;
            record.provenance.input = Some(crate::record::TokenSource::Server);
        }
        run.cache = Some(CacheFacts {
            block_tokens: 16,
            block_from: BlockFrom::FoundOut,
            template_tokens: 10,
        });
        run
    }

    /// Cold with `cached` tokens a request, warm with 900 of 960.
    fn phases(cached: u64) -> (Vec<RunRecords>, Vec<RunRecords>) {
        (
            vec![run(200.0, cached, None)],
            vec![run(110.0, 900, Some(960))],
        )
    }

    fn with<R>(cached: u64, then: impl FnOnce(&Case, &[JudgePhase<'_>]) -> R) -> R {
        let claim = claim(
            "cold.ttft.p50 < 1s",
            in_phase(COLD, q("ttft", 0.5)),
            CmpOp::Lt,
            ms(1000.0),
        );
        let efficient = super::super::test_support::claim(
            "cache_efficiency >= 90%",
            of("cache_efficiency", None),
            CmpOp::Ge,
            share(0.9),
        );
        let mut case = case_of(vec![claim, efficient], &[COLD, WARM]);
        let mut scenario = (*case.scenario).clone();
        scenario.plan = KindPlan::Cache(CachePlan::default());
        case.scenario = scenario.into();
        let (cold, warm) = phases(cached);
        let health = ClientHealth::default();
        let phase = |name, runs| JudgePhase {
            name,
            runs,
            health: &health,
            gpus: None,
            interrupted: false,
        };
        then(&case, &[phase(COLD, &cold), phase(WARM, &warm)])
    }

    #[test]
    fn a_cold_phase_may_share_the_template_and_a_block() {
        for (cached, verdict) in [
            (0, Verdict::Pass),
            (26, Verdict::Pass),
            (27, Verdict::Invalid),
        ] {
            let judged = with(cached, |case, phases| {
                judge_case(JudgeInput::new(case, phases))
            });
            assert_eq!(judged.assertions[0].verdict, verdict, "{cached}");
            // Of the warm phase by itself it takes nothing away.
            assert_eq!(judged.assertions[1].verdict, Verdict::Pass);
            assert_eq!(judged.assertions[1].observed, Some(900.0 / 960.0));
            let reason = judged.reason.unwrap_or_default();
            assert_eq!(
                reason.contains("the cold phase was not cold"),
                cached > 26,
                "{reason}"
            );
            assert_eq!(reason.contains("/reset_prefix_cache"), cached > 26);
        }
    }

    #[test]
    fn what_a_cached_token_saves_lies_between_bounds_around_it() {
        let found = with(0, cached).expect("a case of the kind");
        let [saved] = found.answers[..] else {
            panic!("{found:?}");
        };
        // 90 ms less for 900 tokens more.
        assert!((saved.value - 0.1).abs() < 0.002, "{saved:?}");
        assert!(saved.bounds.lower < saved.value && saved.value < saved.bounds.upper);
        assert!(found.notes[0].contains("blocks of 16 tokens"));
    }
}
