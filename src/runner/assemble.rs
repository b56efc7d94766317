use std::collections::BTreeMap;
use std::sync::Arc;

use super::health::{ClientOfRun, with_client_series};
use crate::judge::JudgePhase;
use crate::metrics::{
    PhaseSamples, counts, errors, itl_during, phase_warnings, server_result, summarize_phase,
    summarize_run, token_lengths,
};
use crate::record::RunRecords;
use crate::result::{ClientHealth, LoadResult, PhaseResult, RunPart, RunSeries, Warning};

/// One measured phase with its runs, ready for the judge and the result.
#[derive(Clone, Debug)]
pub struct MeasuredPhase {
    /// Such as `main`.
    pub name: String,
    /// The target's address, without secrets.
    pub target: String,
    /// The model asked for.
    pub model: Option<String>,
    /// What load was asked for.
    pub load: LoadResult,
    /// The target's accelerators.
    pub gpus: Option<u32>,
    /// Its runs.
    pub runs: Vec<RunRecords>,
    /// What is known of the client in each run; nothing where only records are left.
    pub clients: Vec<Arc<ClientOfRun>>,
    /// Salt of each run.
    pub salts: Vec<Option<String>>,
    /// Index of each run within the phase, as its records name it.
    pub indices: Vec<u32>,
    /// What sets the phase apart from its case's other ones.
    pub labels: BTreeMap<String, String>,
    /// Health of the client over all runs.
    pub health: ClientHealth,
    /// A run was interrupted, so that what prony cut is no failure.
    pub interrupted: bool,
    /// What the transport has to say.
    pub warnings: Vec<Warning>,
}

impl MeasuredPhase {
    /// The phase as the judge sees it.
    pub fn judged(&self) -> JudgePhase<'_> {
        JudgePhase {
            name: &self.name,
            runs: &self.runs,
            health: &self.health,
            gpus: self.gpus,
            interrupted: self.interrupted,
        }
    }

    /// The time series of its runs.
    pub fn series(&self) -> Vec<RunSeries> {
        let of_runs = crate::metrics::series(&self.runs).into_iter();
        let with_client = |(i, series): (usize, RunSeries)| match self.clients.get(i) {
            Some(client) => with_client_series(series, client),
            None => series,
        };
        of_runs.enumerate().map(with_client).collect()
    }

    /// The phase's part of the result.
    pub fn result(&self) -> PhaseResult {
        let runs: Vec<RunPart> = self
            .runs
            .iter()
            .zip(&self.salts)
            .zip(&self.indices)
            .map(|((run, salt), &index)| RunPart {
                run: index,
                salt: salt.clone(),
                ..summarize_run(run, self.gpus, self.interrupted)
            })
            .collect();
        let mut warnings = phase_warnings(&self.runs, self.interrupted);
        warnings.extend_from_slice(&self.warnings);
        PhaseResult {
            name: self.name.clone(),
            target: self.target.clone(),
            model: self.model.clone(),
            load: self.load.clone(),
            window_s: self.runs.iter().map(|r| r.window.seconds()).sum(),
            requests: counts(&self.runs),
            metrics: summarize_phase(&self.runs, self.gpus, self.interrupted),
            itl_during: itl_during(&self.runs, self.interrupted),
            runs,
            client: self.health.clone(),
            tokens: token_lengths(&PhaseSamples::new(&self.runs, self.interrupted)),
            server: server_result(&self.runs),
            errors: errors(&self.runs, self.interrupted),
            warnings,
            labels: self.labels.clone(),
            noise: Vec::new(),
        }
    }
}
