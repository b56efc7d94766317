use super::order::rank_of;
use crate::judge::Verdict;
use crate::result::{CaseResult, RunResult};
use crate::text::count;

/// The verdict of a run in one sentence, and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline<'a> {
    /// The worst verdict; `error` for a run without cases and for an interrupted one that has
    /// nothing worse: neither is a success.
    pub verdict: Verdict,
    /// What happened, without names: `2 of 14 failed, 1 undecided`.
    pub text: String,
    /// Cases by verdict, what wants attention first; only verdicts that occur.
    pub groups: Vec<Group<'a>>,
    /// How many cases there are.
    pub total: usize,
}

/// Cases of one verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// They fail, and that is known: the run does not fail with them.
    pub known: bool,
    /// The cases, in the order of the suites.
    pub cases: Vec<&'a CaseResult>,
}

impl<'a> Headline<'a> {
    /// Of `result`.
    pub fn new(result: &'a RunResult) -> Self {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for case in &result.cases {
            let known = case.excused();
            let same = |g: &&mut Group<'_>| g.verdict == case.verdict && g.known == known;
            match groups.iter_mut().find(same) {
                Some(group) => group.cases.push(case),
                None => groups.push(Group {
                    verdict: case.verdict,
                    known,
                    cases: vec![case],
                }),
            }
        }
        groups.sort_by_key(|g| g.cases.first().map(|c| rank_of(c)));
        let total = result.cases.len();
        let worst = groups.first().map_or(Verdict::Error, Group::weight);
        let interrupted = result.run.interrupted;
        let verdict = match worst {
            Verdict::Undecided | Verdict::Pass | Verdict::Skipped if interrupted => Verdict::Error,
            v => v,
        };
        let mut text = sentence(&groups, total);
        if interrupted {
            text = if total == 0 {
                "Interrupted before any case had ended".to_owned()
            } else {
                format!("Interrupted; until then {}", lower_first(&text))
            };
        }
        Headline {
            verdict,
            text,
            groups,
            total,
        }
    }

    /// The sentence with the names of the cases that want attention, `limit` at most.
    pub fn with_names(&self, limit: usize) -> String {
        let names: Vec<_> = self
            .groups
            .iter()
            .filter(|g| !matches!(g.verdict, Verdict::Pass | Verdict::Skipped))
            .flat_map(|g| g.cases.iter().map(|c| c.full_name()))
            .collect();
        let Some(shown) = names
            .get(..limit.min(names.len()))
            .filter(|s| !s.is_empty())
        else {
            return self.text.clone();
        };
        let rest = names.len() - shown.len();
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        format!("{}: {}{more}", self.text, shown.join(", "))
    }
}

impl Group<'_> {
    /// What the cases mean for the run: a failure that is known is no failure of it, and no pass.
    fn weight(&self) -> Verdict {
        if self.known {
            Verdict::Undecided
        } else {
            self.verdict
        }
    }
}

fn sentence(groups: &[Group<'_>], total: usize) -> String {
    let words = |group: &Group<'_>, one: bool| match group.verdict {
        _ if group.known => "failed as known",
        Verdict::Pass => "passed",
        Verdict::Fail => "failed",
        Verdict::Undecided => "undecided",
        Verdict::Invalid => "invalid",
        Verdict::Error => {
            if one {
                "ended in an error"
            } else {
                "ended in errors"
            }
        }
        Verdict::Skipped => "skipped",
    };
    match groups {
        [] => "Nothing was measured: no case was run".to_owned(),
        [only] if total == 1 => match only.verdict {
            Verdict::Skipped => "Nothing was measured: the only case was skipped".to_owned(),
            v => format!(
                "The only case {}{}",
                if is_adjective(v) { "is " } else { "" },
                words(only, true)
            ),
        },
        [only] => match only.verdict {
            Verdict::Skipped => format!("Nothing was measured: all {total} cases were skipped"),
            v => format!(
                "All {} cases {}{}",
                count(total as u64),
                if is_adjective(v) { "are " } else { "" },
                words(only, false)
            ),
        },
        [first, rest @ ..] => {
            let mut text = format!(
                "{} of {} {}",
                first.cases.len(),
                count(total as u64),
                words(first, first.cases.len() == 1)
            );
            for group in rest {
                text.push_str(&format!(
                    ", {} {}",
                    group.cases.len(),
                    words(group, group.cases.len() == 1)
                ));
            }
            text
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// Whether the verdict's word needs "is": a case *is* undecided, but it *failed*.
fn is_adjective(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Undecided | Verdict::Invalid)
}
