use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::assemble::MeasuredPhase;
use crate::metrics::series;
use crate::record::{Part, RequestRecord, RunRecords, Scrape, Window, read_records, read_scrapes};
use crate::result::{CaseResult, CaseSeries, ClientHealth, LoadResult, PhaseSeries};

/// Makes what can be made of a case whose process was killed: metrics and series from the records
/// that reached the disk. The window is taken to end with the last thing recorded; nothing is judged.
///
/// # Errors
/// When the records cannot be read.
pub fn recover(dir: &Path, mut case: CaseResult) -> io::Result<(CaseResult, Option<CaseSeries>)> {
    let path = dir.join("requests.jsonl");
    if !path.exists() {
        return Ok((case, None));
    }
    let mut runs: BTreeMap<(String, u32), Vec<RequestRecord>> = BTreeMap::new();
    for record in read_records(&path)? {
        let key = (record.phase.clone(), record.run);
        runs.entry(key).or_default().push(record);
    }
    let path = dir.join("telemetry.jsonl");
    let mut scrapes: BTreeMap<(String, u32), Vec<Scrape>> = BTreeMap::new();
    if path.exists() {
        for scrape in read_scrapes(&path)? {
            let key = (scrape.phase.clone(), scrape.run);
            scrapes.entry(key).or_default().push(scrape);
        }
    }
    let mut phases: Vec<(String, Vec<RunRecords>)> = Vec::new();
    for ((phase, index), records) in runs {
        let run = RunRecords {
            scrapes: scrapes.remove(&(phase.clone(), index)).unwrap_or_default(),
            ..run_records(records)
        };
        match phases.iter_mut().find(|(name, _)| *name == phase) {
            Some((_, runs)) => runs.push(run),
            None => phases.push((phase, vec![run])),
        }
    }
    let mut found = CaseSeries {
        slug: case.slug.clone(),
        phases: Vec::new(),
    };
    for (name, runs) in phases {
        found.phases.push(PhaseSeries {
            name: name.clone(),
            runs: series(&runs),
        });
        let end_us = runs.iter().map(|r| r.window.end_us).max().unwrap_or(0);
        case.duration_s = case.duration_s.max(end_us as f64 / 1e6);
        // The placeholder names target, model and load; the numbers come from the records.
        let planned = case.phases.iter().position(|p| p.name == name);
        let planned = planned.map(|i| case.phases.remove(i));
        let measured = MeasuredPhase {
            name,
            target: planned.as_ref().map_or(String::new(), |p| p.target.clone()),
            model: planned.as_ref().and_then(|p| p.model.clone()),
            gpus: None,
            clients: Vec::new(),
            salts: vec![None; runs.len()],
            indices: runs.iter().map(index_of).collect(),
            labels: planned
                .as_ref()
                .map(|p| p.labels.clone())
                .unwrap_or_default(),
            load: planned.map_or_else(LoadResult::default, |p| p.load),
            runs,
            health: ClientHealth::default(),
            interrupted: true,
            warnings: Vec::new(),
        };
        case.phases.push(measured.result());
    }
    Ok((case, Some(found)))
}

/// The run's index, as its records name it.
fn index_of(run: &RunRecords) -> u32 {
    run.records.first().map_or(0, |r| r.run)
}

fn run_records(records: Vec<RequestRecord>) -> RunRecords {
    let (beside, records): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|r| r.part == Part::Beside);
    let begin = |r: &RequestRecord| r.due_us.or(r.sent_us);
    let inside = || records.iter().filter(|r| r.part == Part::Window);
    let start_us = inside().filter_map(begin).min().unwrap_or(0);
    let end_us = inside().filter_map(|r| r.end_us).max().unwrap_or(start_us);
    RunRecords {
        session: records.first().map_or(0, |r| r.session),
        open_loop: records.iter().any(|r| r.due_us.is_some()),
        window: Window { start_us, end_us },
        records,
        scrapes: Vec::new(),
        cache: None,
        stopped: None,
        beside,
    }
}
