use serde::Serialize;

use super::case::{ChangeView, change_view};
use super::page::{LinkView, clean, link};
use crate::result::{BaselineStanding, CaseResult, ChangeKind};
use crate::text::count;

/// Rows shown at most; the cases have all of them.
const ROWS: usize = 12;

/// What changed since the accepted baselines, over all cases.
#[derive(Serialize)]
pub(super) struct SinceView {
    /// `3 of 14 comparisons regressed, 1 improved`.
    pub sentence: String,
    pub class: &'static str,
    /// What regressed, then what improved.
    pub rows: Vec<SinceRow>,
    /// How many more like these there are.
    pub more: usize,
    /// Cases that had nothing to be compared with, and why.
    pub wanting: Vec<WantingView>,
}

#[derive(Serialize)]
pub(super) struct SinceRow {
    pub case: LinkView,
    pub change: ChangeView,
}

#[derive(Serialize)]
pub(super) struct WantingView {
    pub case: LinkView,
    pub why: String,
}

/// Of all `cases`, in the order of the page; nothing where no case has a baseline.
pub(super) fn since(cases: &[&CaseResult]) -> Option<SinceView> {
    let compared = cases
        .iter()
        .filter_map(|c| Some((*c, c.baseline.as_ref()?)));
    let mut counts = [0_u64; 5];
    let mut rows = Vec::new();
    let mut wanting = Vec::new();
    let mut any = false;
    for (case, baseline) in compared {
        any = true;
        if baseline.standing != BaselineStanding::Compared {
            let otherwise = match baseline.standing {
                BaselineStanding::Missing => "nothing is accepted yet to compare with",
                _ => "not comparable",
            };
            wanting.push(WantingView {
                case: link(case),
                why: clean(baseline.reason.as_deref().unwrap_or(otherwise)),
            });
        }
        for change in &baseline.changes {
            counts[place(change.change)] += 1;
            if matches!(change.change, ChangeKind::Regressed | ChangeKind::Improved) {
                rows.push((place(change.change), case, change));
            }
        }
    }
    if !any {
        return None;
    }
    rows.sort_by_key(|r| r.0);
    let more = rows.len().saturating_sub(ROWS);
    Some(SinceView {
        sentence: sentence(counts),
        class: match counts {
            [0, 0, _, 0, 0] => "pass",
            [0, ..] => "undecided",
            _ => "fail",
        },
        rows: rows
            .into_iter()
            .take(ROWS)
            .map(|(_, case, change)| SinceRow {
                case: link(case),
                change: change_view(change),
            })
            .collect(),
        more,
        wanting,
    })
}

/// Its place in the counts of a sentence.
fn place(change: ChangeKind) -> usize {
    match change {
        ChangeKind::Regressed => 0,
        ChangeKind::Improved => 1,
        ChangeKind::WithinTolerance => 2,
        ChangeKind::Undecided => 3,
        ChangeKind::NotComparable => 4,
    }
}

fn sentence(counts: [u64; 5]) -> String {
    let all: u64 = counts.iter().sum();
    let [regressed, improved, within, undecided, not] = counts;
    let some: Vec<String> = [
        (regressed, "regressed"),
        (improved, "improved"),
        (within, "within tolerance"),
        (undecided, "undecided"),
        (not, "not comparable"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{} {what}", count(n)))
    .collect();
    match all {
        0 => "Nothing was compared with a baseline.".to_owned(),
        1 => format!("One comparison: {}.", some.join(", ")),
        _ => format!("Of {} comparisons {}.", count(all), some.join(", ")),
    }
}
