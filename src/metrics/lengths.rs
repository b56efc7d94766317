use std::collections::BTreeMap;

use crate::record::{RequestRecord, TokenSource};
use crate::result::{AskedAndGot, Ending, LengthSummary, TokenLengths};
use crate::stats::quantile;

use super::samples::PhaseSamples;

/// The label under which the load engine keeps the number of output tokens that a request asked for.
pub const ASKED_OUTPUT_TOKENS: &str = "asked_output_tokens";
/// The same for the tokens of its prompt, where a tokenizer had counted them.
pub const ASKED_INPUT_TOKENS: &str = "asked_input_tokens";

/// The same where they were only estimated: nothing that a server could be held to.
pub const ESTIMATED_INPUT_TOKENS: &str = "estimated_input_tokens";

/// What one request asked for and got, in tokens, and the record of it.
type Pair<'a> = (u64, u64, &'a RequestRecord);

/// Tokens asked for and tokens that the server counted, over the successes of the windows.
pub fn token_lengths(samples: &PhaseSamples<'_>) -> TokenLengths {
    let input = compare(labelled_input(samples, ASKED_INPUT_TOKENS)).or_else(|| {
        let estimated = compare(labelled_input(samples, ESTIMATED_INPUT_TOKENS))?;
        Some(AskedAndGot {
            estimated: true,
            ..estimated
        })
    });
    let output = compare(asked_output(samples)).map(|sum| AskedAndGot {
        endings: endings(asked_output(samples)),
        ..sum
    });
    TokenLengths { input, output }
}

/// Prompt tokens asked for by a tokenizer's count, and counted by the server, per request.
pub fn asked_input<'a>(samples: &'a PhaseSamples<'_>) -> impl Iterator<Item = (u64, u64)> + 'a {
    labelled_input(samples, ASKED_INPUT_TOKENS).map(|(asked, got, _)| (asked, got))
}

fn labelled_input<'a>(
    samples: &'a PhaseSamples<'_>,
    name: &'static str,
) -> impl Iterator<Item = Pair<'a>> {
    let by_server = |r: &&RequestRecord| r.provenance.input == Some(TokenSource::Server);
    let records = samples.rows().map(|r| r.record).filter(|r| r.ok());
    records
        .filter(by_server)
        .filter_map(move |r| Some((label(r, name)?, r.input_tokens?, r)))
}

/// Output tokens asked for and got, per request whose tokens were counted by the server or by a
/// tokenizer.
fn asked_output<'a>(samples: &'a PhaseSamples<'_>) -> impl Iterator<Item = Pair<'a>> {
    let counted = |r: &&RequestRecord| r.provenance.output != Some(TokenSource::Chunks);
    let records = samples.rows().map(|r| r.record).filter(|r| r.ok());
    records
        .filter(counted)
        .filter_map(|r| Some((label(r, ASKED_OUTPUT_TOKENS)?, r.output_tokens?, r)))
}

fn label(record: &RequestRecord, name: &str) -> Option<u64> {
    record.labels.get(name)?.parse().ok()
}

fn compare<'a>(pairs: impl Iterator<Item = Pair<'a>>) -> Option<AskedAndGot> {
    let mut sum = AskedAndGot::default();
    let (mut shorter, mut longer) = (0, 0);
    let (mut all_asked, mut all_got) = (Vec::new(), Vec::new());
    for (asked, got, _) in pairs {
        sum.n += 1;
        sum.asked += asked;
        sum.got += got;
        sum.differ += u64::from(asked != got);
        shorter += u64::from(got < asked);
        longer += u64::from(got > asked);
        all_asked.push(asked as f64);
        all_got.push(got as f64);
    }
    sum.shorter = Some(shorter);
    sum.longer = Some(longer);
    sum.asked_lengths = summary(all_asked);
    sum.got_lengths = summary(all_got);
    (sum.n > 0).then_some(sum)
}

fn summary(mut lengths: Vec<f64>) -> Option<LengthSummary> {
    lengths.sort_unstable_by(f64::total_cmp);
    let at = |q| quantile(&lengths, q);
    Some(LengthSummary {
        mean: lengths.iter().sum::<f64>() / lengths.len() as f64,
        min: *lengths.first()?,
        p50: at(0.5)?,
        p90: at(0.9)?,
        p99: at(0.99)?,
        max: *lengths.last()?,
    })
}

/// Finish reasons that are told apart; what else there is counts as [`OTHERS`].
const MOST_REASONS: usize = 8;
const OTHERS: &str = "others";
/// Longest finish reason shown, in characters.
const LONGEST_REASON: usize = 40;

/// How answers of another length than asked for ended, the most frequent first.
fn endings<'a>(pairs: impl Iterator<Item = Pair<'a>>) -> Vec<Ending> {
    let mut found: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (asked, got, record) in pairs.filter(|(asked, got, _)| asked != got) {
        let (shorter, longer) = found
            .entry(record.finish.as_deref().unwrap_or_default())
            .or_default();
        *shorter += u64::from(got < asked);
        *longer += u64::from(got > asked);
    }
    let mut endings: Vec<Ending> = found
        .into_iter()
        .map(|(finish, (shorter, longer))| Ending {
            finish: finish.chars().take(LONGEST_REASON).collect(),
            shorter,
            longer,
        })
        .collect();
    endings.sort_by_key(|e| std::cmp::Reverse(e.shorter + e.longer));
    let rest = endings.split_off(endings.len().min(MOST_REASONS));
    if !rest.is_empty() {
        endings.push(Ending {
            finish: OTHERS.to_owned(),
            shorter: rest.iter().map(|e| e.shorter).sum(),
            longer: rest.iter().map(|e| e.longer).sum(),
        });
    }
    endings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::synthetic::{MS, request};
    use crate::record::{RunRecords, Window};

    /// A phase of one run with these lengths of answers: asked for, got, finish reason.
    fn lengths(of: &[(u64, u64, &str)]) -> TokenLengths {
        let records = of.iter().enumerate().map(|(i, (asked, got, finish))| {
            let mut record = request(i as u64, i as u64 * MS, MS, 1, MS);
            record.output_tokens = Some(*got);
            record.finish = Some((*finish).to_owned());
            let asked = asked.to_string();
            record.labels.insert(ASKED_OUTPUT_TOKENS.to_owned(), asked);
            record
        });
        let run = RunRecords {
            session: 0,
            open_loop: false,
            window: Window {
                start_us: 0,
                end_us: 1_000_000,
            },
            records: records.collect(),
            scrapes: Vec::new(),
            cache: None,
            stopped: None,
            beside: Vec::new(),
        };
        token_lengths(&PhaseSamples::new(&[run], false))
    }

    #[test]
    fn answers_are_told_apart_by_how_and_why_they_ended() {
        let found = lengths(&[
            (10, 10, "length"),
            (20, 4, "stop"),
            (30, 5, "stop"),
            (40, 38, "length"),
            (50, 51, "stop"),
        ]);
        assert_eq!(found.input, None);
        let output = found.output.expect("answers were counted");
        assert_eq!((output.n, output.asked, output.got), (5, 150, 108));
        assert_eq!(output.differ, 4);
        assert_eq!((output.shorter, output.longer), (Some(3), Some(1)));
        let asked = output.asked_lengths.expect("lengths");
        assert_eq!(
            (asked.mean, asked.min, asked.p50, asked.max),
            (30.0, 10.0, 30.0, 50.0)
        );
        assert!((asked.p90 - 46.0).abs() < 1e-9, "{}", asked.p90);
        let got = output.got_lengths.expect("lengths");
        assert_eq!((got.min, got.p50, got.max), (4.0, 10.0, 51.0));
        let ended = |finish: &str, shorter, longer| Ending {
            finish: finish.to_owned(),
            shorter,
            longer,
        };
        assert_eq!(output.endings, [ended("stop", 2, 1), ended("length", 1, 0)]);
    }

    #[test]
    fn what_was_got_as_asked_has_no_endings() {
        let output = lengths(&[(10, 10, "length")]).output.expect("answers");
        assert_eq!(
            (output.differ, output.shorter, output.longer),
            (0, Some(0), Some(0))
        );
        assert_eq!(output.endings, []);
        assert_eq!(lengths(&[]).output, None);
    }

    #[test]
    fn reasons_without_end_are_bounded() {
        let reasons: Vec<String> = (0..50).map(|i| format!("{i}{}", "x".repeat(99))).collect();
        let of: Vec<(u64, u64, &str)> = reasons.iter().map(|r| (9, 3, r.as_str())).collect();
        let endings = lengths(&of).output.expect("answers").endings;
        assert_eq!(endings.len(), MOST_REASONS + 1);
        assert_eq!(
            (endings[8].finish.as_str(), endings[8].shorter),
            (OTHERS, 42)
        );
        assert!(
            endings
                .iter()
                .all(|e| e.finish.chars().count() <= LONGEST_REASON)
        );
    }
}
