//! What the server counted of itself inside a window.

use std::collections::BTreeSet;

use crate::record::{Buckets, ReplicaScrape, RunRecords, Scrape};

/// Share of a window that looks must cover for a gauge to have a value.
const COVERED: f64 = 0.9;
/// For how many pauses a look stands at most, to either side.
const REACH: u64 = 2;
/// Over how many pauses a counter is interpolated at most at the edge of a window.
const EDGE: u64 = 5;
/// Starts of a process that differ by more, in seconds, are two.
const RESTARTED_S: f64 = 1.0;

/// Why a value is missing, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// The server does not tell, or nobody asked.
    NotTold(String),
    /// It tells, and it got lost: looks failed, counters started anew.
    Lost(String),
}

impl Absent {
    pub(super) fn into_reason(self) -> String {
        match self {
            Absent::NotTold(why) | Absent::Lost(why) => why,
        }
    }
}

/// Looks at the server's counters during one run, perhaps at one replica only.
pub(super) struct View<'a> {
    run: &'a RunRecords,
    good: Vec<&'a Scrape>,
    replica: Option<&'a str>,
}

impl<'a> View<'a> {
    pub(super) fn new(run: &'a RunRecords, replica: Option<&'a str>) -> Self {
        View {
            run,
            good: run.scrapes.iter().filter(|s| s.error.is_none()).collect(),
            replica,
        }
    }

    /// Replicas that any look saw.
    pub(super) fn replicas(&self) -> BTreeSet<&'a str> {
        let all = self.good.iter().flat_map(|s| s.replicas.keys());
        all.map(String::as_str)
            .filter(|name| self.replica.is_none_or(|r| r == *name))
            .collect()
    }

    /// A gauge over the window: stretches `from_us..until_us`, each with the value of the look nearest to
    /// it. `mean`: of the replicas; else their sum.
    pub(super) fn gauge(&self, name: &str, mean: bool) -> Result<Vec<(u64, u64, f64)>, Absent> {
        let seen: Vec<(i64, f64)> = self
            .good
            .iter()
            .filter_map(|s| Some((s.at_us, self.level(s, name, mean)?)))
            .collect();
        if seen.is_empty() {
            return Err(self.nobody_told(name));
        }
        let window = self.run.window;
        let (start, end) = (signed(window.start_us), signed(window.end_us));
        let reach = signed(self.every_us().saturating_mul(REACH));
        let mut stretches = Vec::new();
        for (i, &(at, value)) in seen.iter().enumerate() {
            let before = i.checked_sub(1).map(|j| middle(seen[j].0, at));
            let after = seen.get(i + 1).map(|next| middle(at, next.0));
            let from = before.unwrap_or(i64::MIN).max(at - reach).max(start);
            let until = after.unwrap_or(i64::MAX).min(at + reach).min(end);
            if from < until {
                stretches.push((from.unsigned_abs(), until.unsigned_abs(), value));
            }
        }
        let covered: u64 = stretches.iter().map(|(from, until, _)| until - from).sum();
        let share = covered as f64 / (end - start).max(1) as f64;
        if share < COVERED {
            return Err(Absent::Lost(format!(
                "looks at the server's counters cover {:.0} % of the window{}",
                share * 100.0,
                self.failures()
            )));
        }
        Ok(stretches)
    }

    /// The level at one look.
    pub(super) fn level(&self, scrape: &Scrape, name: &str, mean: bool) -> Option<f64> {
        let of_replicas = self.told_by(scrape);
        let of_replicas = of_replicas.filter_map(|(_, r)| r.values.get(name).copied());
        // GPUs belong to no replica that could be named.
        let of_gpus = scrape.gpus.values().filter(|_| self.replica.is_none());
        let of_gpus = of_gpus.filter_map(|gpu| gpu.get(name).copied());
        let values: Vec<f64> = of_replicas.chain(of_gpus).collect();
        let sum: f64 = values.iter().sum();
        let n = if mean { values.len() as f64 } else { 1.0 };
        (!values.is_empty()).then(|| sum / n)
    }

    fn told_by<'s>(
        &self,
        scrape: &'s Scrape,
    ) -> impl Iterator<Item = (&'s str, &'s ReplicaScrape)> + use<'s, 'a> {
        let wanted = self.replica;
        let all = scrape.replicas.iter().map(|(name, r)| (name.as_str(), r));
        all.filter(move |(name, _)| wanted.is_none_or(|w| w == *name))
    }

    /// By how much a counter grew over the window.
    pub(super) fn counter(&self, name: &str) -> Result<f64, Absent> {
        let grown = self.grown(name, |r| r.values.get(name).map(|v| vec![*v]))?;
        Ok(grown.iter().sum())
    }

    /// What a histogram took in over the window.
    pub(super) fn histogram(&self, name: &str) -> Result<Buckets, Absent> {
        let all = || self.good.iter().flat_map(|s| self.told_by(s));
        let mut shapes = all().filter_map(|(_, r)| Some(&r.histograms.get(name)?.le));
        let Some(le) = shapes.next().cloned() else {
            return Err(self.nobody_told(name));
        };
        if shapes.any(|other| *other != le) {
            return Err(Absent::Lost(format!(
                "the buckets of `{name}` are not the same everywhere"
            )));
        }
        let mut grown = self.grown(name, |r| {
            let h = r.histograms.get(name)?;
            let mut parts = h.up_to.clone();
            parts.extend([h.sum, h.count]);
            Some(parts)
        })?;
        let (count, sum) = (grown.pop().unwrap_or(0.0), grown.pop().unwrap_or(0.0));
        Ok(Buckets {
            le,
            up_to: grown,
            sum,
            count,
        })
    }

    /// The growth of `parts` over the window, replicas added up.
    fn grown(
        &self,
        name: &str,
        parts: impl Fn(&ReplicaScrape) -> Option<Vec<f64>>,
    ) -> Result<Vec<f64>, Absent> {
        let mut total: Option<Vec<f64>> = None;
        for replica in self.replicas() {
            let looks: Vec<Look> = self
                .good
                .iter()
                .map(|s| {
                    let told = s.replicas.get(replica);
                    Look {
                        at_us: s.at_us,
                        started_s: told.and_then(|r| r.started_s),
                        parts: told.and_then(&parts),
                    }
                })
                .collect();
            let Some(grown) = self.grown_of(name, looks)? else {
                continue;
            };
            match &mut total {
                None => total = Some(grown),
                Some(total) => total.iter_mut().zip(grown).for_each(|(t, g)| *t += g),
            }
        }
        total.ok_or_else(|| self.nobody_told(name))
    }

    /// The same of one replica; `None`: it never told.
    fn grown_of(&self, name: &str, mut looks: Vec<Look>) -> Result<Option<Vec<f64>>, Absent> {
        let Some(first) = looks.iter().position(|l| l.parts.is_some()) else {
            return Ok(None);
        };
        // Servers show a counter from its first count on: before that it is 0.
        let nothing = vec![0.0; looks[first].parts.as_ref().map_or(0, Vec::len)];
        for look in &mut looks[..first] {
            look.parts = Some(nothing.clone());
        }
        let window = self.run.window;
        let (start, end) = (signed(window.start_us), signed(window.end_us));
        let begin = looks.iter().rposition(|l| l.at_us <= start);
        let finish = looks.iter().position(|l| l.at_us >= end);
        let (Some(begin), Some(finish)) = (begin, finish) else {
            let when = if begin.is_none() {
                "no look at the server's counters came before the window"
            } else {
                "no look at the server's counters came after the window"
            };
            return Err(Absent::Lost(format!("{when}{}", self.failures())));
        };
        for pair in looks[begin..=finish].windows(2) {
            pair[0].leads_to(&pair[1], name)?;
        }
        let at_start = self.at(&looks, start)?;
        let at_end = self.at(&looks, end)?;
        Ok(Some(
            at_end.iter().zip(&at_start).map(|(b, a)| b - a).collect(),
        ))
    }

    /// The counters at `t`, linear between the looks around it.
    fn at(&self, looks: &[Look], t: i64) -> Result<Vec<f64>, Absent> {
        let before = looks.iter().rev().find(|l| l.at_us <= t);
        let after = looks.iter().find(|l| l.at_us >= t);
        let lost = || {
            Absent::Lost(format!(
                "looks at the server's counters are too far apart at the edge of the window{}",
                self.failures()
            ))
        };
        let (Some(a), Some(b)) = (before, after) else {
            return Err(lost());
        };
        let (Some(from), Some(to)) = (&a.parts, &b.parts) else {
            return Err(lost());
        };
        let gap = b.at_us - a.at_us;
        if gap == 0 {
            return Ok(from.clone());
        }
        if gap > signed(self.every_us().saturating_mul(EDGE)) {
            return Err(lost());
        }
        let share = (t - a.at_us) as f64 / gap as f64;
        Ok(from
            .iter()
            .zip(to)
            .map(|(a, b)| a + (b - a) * share)
            .collect())
    }

    fn every_us(&self) -> u64 {
        self.run.scrapes.first().map_or(0, |s| s.every_us)
    }

    /// What failed, for the end of a sentence.
    fn failures(&self) -> String {
        let mut failed = self.run.scrapes.iter().filter_map(|s| s.error.as_ref());
        failed
            .next_back()
            .map_or(String::new(), |why| format!(" (the last failure: {why})"))
    }

    /// Why no look told `name`.
    fn nobody_told(&self, name: &str) -> Absent {
        let scrapes = &self.run.scrapes;
        if scrapes.is_empty() {
            return Absent::NotTold("nobody looked at the server's counters".to_owned());
        }
        if name.starts_with("gpu_") && self.replica.is_none() {
            return Absent::NotTold(format!(
                "no page that was looked at tells `{name}`; `scrape: {{ url: […] }}` takes the page of the GPUs' exporter beside the server's"
            ));
        }
        if self.good.is_empty() {
            let why = scrapes.iter().find_map(|s| s.error.as_deref());
            return Absent::NotTold(format!(
                "the server's counters could not be read: {}",
                why.unwrap_or("no look succeeded")
            ));
        }
        Absent::NotTold(match self.good.iter().find_map(|s| s.engine.as_deref()) {
            None => "the server's `/metrics` has no name that prony knows".to_owned(),
            Some(engine) => {
                let of = match self.replica {
                    Some(replica) => format!(" of replica `{replica}`"),
                    None => String::new(),
                };
                format!("the server's `/metrics` ({engine}) does not tell `{name}`{of}")
            }
        })
    }
}

/// Cumulative numbers of one replica at one look.
struct Look {
    at_us: i64,
    started_s: Option<f64>,
    parts: Option<Vec<f64>>,
}

impl Look {
    /// Whether `next` can be the same counters, later.
    fn leads_to(&self, next: &Look, name: &str) -> Result<(), Absent> {
        let at = next.at_us as f64 / 1e6;
        let (Some(before), Some(after)) = (&self.parts, &next.parts) else {
            return Err(Absent::Lost(format!(
                "the server stopped telling `{name}` at {at:.1} s of the run"
            )));
        };
        let restarted = self
            .started_s
            .zip(next.started_s)
            .is_some_and(|(a, b)| (a - b).abs() > RESTARTED_S);
        let fell = before.iter().zip(after).any(|(a, b)| b < a);
        if restarted || fell || before.len() != after.len() {
            return Err(Absent::Lost(format!(
                "the server's counters started anew at {at:.1} s of the run: what they counted before is lost"
            )));
        }
        Ok(())
    }
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn middle(a: i64, b: i64) -> i64 {
    a + (b - a) / 2
}
