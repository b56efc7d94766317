use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::assemble::MeasuredPhase;
use super::case_result;
use super::health::{ClientOfRun, health};
use super::live::World;
use super::one_run::OneRun;
use super::sessions::Sessions;
use crate::judge::JudgePhase;
use crate::plan::{Case, Evidence, Measure, MeasuredRun, PhaseEvidence, PhasePlan};
use crate::record::RunRecords;
use crate::result::{ClientHealth, Warning};

/// Everything that was measured of a case so far: what procedures see of it, and the records behind.
#[derive(Default)]
pub(super) struct Collected {
    /// As procedures see them, in the order in which they were measured.
    pub runs: Vec<MeasuredRun>,
    phases: Vec<OfPhase>,
    /// Of each run: its phase, and its place among the runs of that.
    places: Vec<(usize, usize)>,
}

/// The runs of one phase.
struct OfPhase {
    name: String,
    records: Vec<RunRecords>,
    about: Vec<AboutRun>,
}

/// What is known of a run besides its records.
struct AboutRun {
    salt: Option<String>,
    run: u32,
    client: Arc<ClientOfRun>,
    warnings: Vec<Warning>,
    interrupted: bool,
}

impl Collected {
    /// Adds a run, which `took` that long in all.
    pub fn push(&mut self, measure: Measure, one: OneRun, gpus: Option<u32>, took: Duration) {
        let cut = one.outcome.interrupted;
        let name = &measure.phase.name;
        let phase = match self.phases.iter().position(|p| p.name == *name) {
            Some(phase) => phase,
            None => {
                self.phases.push(OfPhase {
                    name: name.clone(),
                    records: Vec::new(),
                    about: Vec::new(),
                });
                self.phases.len() - 1
            }
        };
        let of_phase = &mut self.phases[phase];
        self.places.push((phase, of_phase.records.len()));
        of_phase.about.push(AboutRun {
            salt: one.salt,
            run: measure.run,
            client: Arc::new(one.client),
            warnings: one.warnings,
            interrupted: cut,
        });
        self.runs.push(MeasuredRun {
            result: crate::metrics::summarize_run(&one.records, gpus, cut),
            measure,
            took,
            cut,
            stopped: one.records.stopped.clone(),
        });
        of_phase.records.push(one.records);
    }

    /// The records of the last run.
    pub fn last(&self) -> Option<&RunRecords> {
        let (phase, place) = *self.places.last()?;
        self.phases.get(phase)?.records.get(place)
    }

    /// The records of run `index` of the phase `name`.
    pub fn run_of(&self, name: &str, index: u32) -> Option<&RunRecords> {
        let phase = self.phases.iter().find(|p| p.name == name)?;
        let place = phase.about.iter().position(|about| about.run == index)?;
        phase.records.get(place)
    }

    /// What `evidence` names, for the judge.
    pub fn look<R>(
        &self,
        case: &Case,
        evidence: &Evidence,
        judge: impl FnOnce(&[JudgePhase<'_>]) -> R,
    ) -> R {
        struct Seen<'a> {
            name: &'a str,
            runs: Cow<'a, [RunRecords]>,
            health: ClientHealth,
            gpus: Option<u32>,
            interrupted: bool,
        }
        let seen: Vec<Seen<'_>> = evidence
            .phases
            .iter()
            .filter_map(|wanted| {
                let (of_phase, places) = self.places_of(wanted)?;
                let about: Vec<&AboutRun> = places.iter().map(|&i| &of_phase.about[i]).collect();
                let records: Vec<&RunRecords> =
                    places.iter().map(|&i| &of_phase.records[i]).collect();
                // As a rule they are the first ones.
                let in_a_row = places.iter().enumerate().all(|(i, &place)| i == place);
                let runs = if in_a_row {
                    Cow::Borrowed(&of_phase.records[..places.len()])
                } else {
                    Cow::Owned(records.iter().map(|&r| r.clone()).collect())
                };
                Some(Seen {
                    name: &of_phase.name,
                    health: health_of(&records, &about),
                    gpus: self.plan_of(case, &of_phase.name).target(case).gpus,
                    interrupted: about.iter().any(|a| a.interrupted),
                    runs,
                })
            })
            .collect();
        let phases: Vec<JudgePhase<'_>> = seen
            .iter()
            .map(|seen| JudgePhase {
                name: seen.name,
                runs: &seen.runs,
                health: &seen.health,
                gpus: seen.gpus,
                interrupted: seen.interrupted,
            })
            .collect();
        judge(&phases)
    }

    /// The phases that `evidence` names; what it leaves out is dropped.
    pub fn into_phases<W: World>(
        mut self,
        case: &Case,
        evidence: &Evidence,
        sessions: &Sessions<'_, W>,
    ) -> Vec<MeasuredPhase> {
        let described: Vec<MeasuredPhase> = evidence
            .phases
            .iter()
            .filter_map(|wanted| self.describe(case, wanted, sessions))
            .collect();
        let mut records: Vec<Vec<Option<RunRecords>>> = self
            .phases
            .drain(..)
            .map(|p| p.records.into_iter().map(Some).collect())
            .collect();
        let mut taken = |&i: &usize| {
            let (phase, place) = *self.places.get(i)?;
            records.get_mut(phase)?.get_mut(place)?.take()
        };
        let mut phases = described;
        for (phase, wanted) in phases.iter_mut().zip(&evidence.phases) {
            phase.runs = wanted.runs.iter().filter_map(&mut taken).collect();
        }
        phases
    }

    /// A phase without its records.
    fn describe<W: World>(
        &self,
        case: &Case,
        wanted: &PhaseEvidence,
        sessions: &Sessions<'_, W>,
    ) -> Option<MeasuredPhase> {
        let (of_phase, places) = self.places_of(wanted)?;
        let about: Vec<&AboutRun> = places.iter().map(|&i| &of_phase.about[i]).collect();
        let records: Vec<&RunRecords> = places.iter().map(|&i| &of_phase.records[i]).collect();
        let plan = self.plan_of(case, &of_phase.name);
        let (target, model, stale) = sessions.about(plan.target_name());
        Some(MeasuredPhase {
            name: of_phase.name.clone(),
            warnings: stale_connections(stale)
                .into_iter()
                // Each target is asked once, so that the last run knows of all.
                .chain(about.last().into_iter().flat_map(|a| a.warnings.clone()))
                .collect(),
            target,
            model,
            gpus: plan.target(case).gpus,
            interrupted: about.iter().any(|a| a.interrupted),
            clients: about.iter().map(|a| a.client.clone()).collect(),
            salts: about.iter().map(|a| a.salt.clone()).collect(),
            indices: about.iter().map(|a| a.run).collect(),
            labels: plan.labels.clone(),
            load: case_result::load(plan),
            health: health_of(&records, &about),
            runs: Vec::new(),
        })
    }

    /// The plan of a phase: the case's, where it has one of that name; else that of its first run.
    fn plan_of<'a>(&'a self, case: &'a Case, name: &str) -> &'a PhasePlan {
        let planned = case.phases.iter().find(|p| p.name == name);
        let of_run = || {
            let mut plans = self.runs.iter().map(|run| &run.measure.phase);
            plans.find(|p| p.name == name)
        };
        planned.or_else(of_run).unwrap_or(&case.phases[0])
    }

    fn places_of(&self, wanted: &PhaseEvidence) -> Option<(&OfPhase, Vec<usize>)> {
        let first = *wanted.runs.first()?;
        let (phase, _) = *self.places.get(first)?;
        let places = wanted.runs.iter().filter_map(|&i| self.places.get(i));
        let places = places.filter(|(p, _)| *p == phase).map(|(_, i)| *i);
        Some((self.phases.get(phase)?, places.collect()))
    }
}

fn stale_connections(n: u32) -> Vec<Warning> {
    match n {
        0 => Vec::new(),
        n => vec![Warning {
            text: format!(
                "{n} requests met a connection that the server had closed although it had announced to keep it; they were sent anew on one of their own"
            ),
            remedy: "nothing to do: connecting is timed apart (`connect_time`); a server that keeps its connections saves its users that time".to_owned(),
        }],
    }
}

fn health_of(records: &[&RunRecords], about: &[&AboutRun]) -> ClientHealth {
    let clients = about.iter().map(|a| &*a.client);
    let runs: Vec<_> = records.iter().copied().zip(clients).collect();
    health(&runs)
}
