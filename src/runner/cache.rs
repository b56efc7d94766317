use std::sync::Arc;

use super::collected::Collected;
use super::one_run::synthetic;
use crate::plan::{Asks, Case, Measure, PRIMING};
use crate::record::{BlockFrom, CacheFacts, Recorded, RequestRecord, RunRecords, TokenSource};
use crate::suite::{CachePlan, KindPlan, PromptSource};
use crate::workload::{
    CacheShape, IdealCache, Priming, Reader, RequestSource, TokenModel, block_size,
};

/// What a run asked.
pub(super) struct Asked<'a> {
    pub case: &'a Case,
    pub measure: &'a Measure,
    pub salt: Option<&'a str>,
    pub tokens: &'a Arc<TokenModel>,
}

impl Asked<'_> {
    /// Writes into the records of a run of a warm cache what a perfect one would have found, after the
    /// priming among the `earlier` runs. Nothing where that is not known, or not asked.
    pub fn note_ideal(
        &self,
        source: &dyn RequestSource,
        recorded: &mut Recorded,
        earlier: &Collected,
    ) -> Option<CacheFacts> {
        let KindPlan::Cache(plan) = &self.case.scenario.plan else {
            return None;
        };
        if self.measure.phase.asks != Asks::Planned || !self.tokens.exact {
            return None;
        }
        let PromptSource::Synthetic {
            prefix,
            conversation,
            ..
        } = &self.case.scenario.prompts.source
        else {
            return None;
        };
        if prefix.is_none() && conversation.is_none() {
            return None;
        }
        let groups = prefix.map_or(0, |prefix| prefix.groups);
        let run = self.measure.run;
        let prompts = synthetic(self.case, run, self.salt, self.tokens.clone());
        let priming = Priming::new(prompts, groups);
        let primed = earlier.run_of(PRIMING, run);
        if primed.is_none() && groups > 0 {
            return None;
        }
        let facts = self.facts(plan, &priming, earlier.run_of(PRIMING, 0));
        let mut ideal = IdealCache::new(CacheShape {
            block_tokens: facts.block_tokens,
            capacity: plan.capacity.map(|n| n / u64::from(facts.block_tokens)),
        });
        let tokens = self.with_head(&priming, earlier.run_of(PRIMING, 0));
        let reader = Reader::new(&tokens.pieces);
        let mut serve = |source: &dyn RequestSource, record: &RequestRecord| {
            let numbers = tokens.numbers(&source.request(record.id), &reader)?;
            let output = record.output_tokens.unwrap_or(1);
            let found = ideal.serve(&numbers, u32::try_from(output).unwrap_or(u32::MAX));
            // What the server made of it is what was meant.
            let counted = record.provenance.input == Some(TokenSource::Server);
            let same = record.input_tokens == Some(numbers.len() as u64);
            (counted && same).then_some(found)
        };
        let primed = primed.map_or(&[][..], |run| &run.records);
        for record in in_order(primed) {
            serve(&priming, &primed[record]);
        }
        recorded.change(|records| {
            for i in in_order(records) {
                let found = serve(source, &records[i]);
                records[i].ideal_cached_tokens = found.filter(|_| records[i].ok());
            }
        });
        Some(facts)
    }

    /// What is known of tokens. Where nobody told how much of the template stands before the text, it is
    /// what prompts that share nothing else had cached, in the `first` priming.
    fn with_head(&self, priming: &Priming, first: Option<&RunRecords>) -> TokenModel {
        let model = (**self.tokens).clone();
        let asked = first.into_iter().flat_map(|run| &run.records);
        let anew = asked.filter(|r| r.ok() && r.id > 0 && !priming.is_again(r.id));
        let least = anew.filter_map(|r| r.cached_tokens).min();
        let head = least.map(|n| u32::try_from(n).unwrap_or(u32::MAX).min(model.overhead));
        TokenModel {
            head: model.head.or(head),
            ..model
        }
    }

    fn facts(&self, plan: &CachePlan, priming: &Priming, first: Option<&RunRecords>) -> CacheFacts {
        let again = first.into_iter().flat_map(|run| &run.records);
        let again = again.filter(|r| r.ok() && priming.is_again(r.id));
        let found = || block_size(again.filter_map(|r| Some((r.input_tokens?, r.cached_tokens?))));
        let (block_tokens, block_from) = match plan.block_size {
            Some(stated) => (stated, BlockFrom::Suite),
            None => match found() {
                Some(found) => (found, BlockFrom::FoundOut),
                None => (1, BlockFrom::Assumed),
            },
        };
        CacheFacts {
            block_tokens,
            block_from,
            template_tokens: self.tokens.overhead,
        }
    }
}

/// Indices of those that were sent, in that order.
fn in_order(records: &[RequestRecord]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..records.len())
        .filter(|&i| records[i].sent_us.is_some())
        .collect();
    order.sort_by_key(|&i| (records[i].sent_us, records[i].id));
    order
}
