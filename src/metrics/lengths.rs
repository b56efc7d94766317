use crate::record::{RequestRecord, TokenSource};
use crate::result::{AskedAndGot, TokenLengths};

use super::samples::PhaseSamples;

/// The label under which the load engine keeps the number of output tokens that a request asked for.
pub const ASKED_OUTPUT_TOKENS: &str = "asked_output_tokens";
/// The same for the tokens of its prompt, where a tokenizer had counted them.
pub const ASKED_INPUT_TOKENS: &str = "asked_input_tokens";

/// The same where they were only estimated: nothing that a server could be held to.
pub const ESTIMATED_INPUT_TOKENS: &str = "estimated_input_tokens";

/// Tokens asked for and tokens that the server counted, over the successes of the windows.
pub fn token_lengths(samples: &PhaseSamples<'_>) -> TokenLengths {
    let input = compare(asked_input(samples)).or_else(|| {
        let estimated = compare(labelled_input(samples, ESTIMATED_INPUT_TOKENS))?;
        Some(AskedAndGot {
            estimated: true,
            ..estimated
        })
    });
    TokenLengths {
        input,
        output: compare(asked_output(samples)),
    }
}

/// Prompt tokens asked for by a tokenizer's count, and counted by the server, per request.
pub fn asked_input<'a>(samples: &'a PhaseSamples<'_>) -> impl Iterator<Item = (u64, u64)> + 'a {
    labelled_input(samples, ASKED_INPUT_TOKENS)
}

fn labelled_input<'a>(
    samples: &'a PhaseSamples<'_>,
    name: &'static str,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let by_server = |r: &&RequestRecord| r.provenance.input == Some(TokenSource::Server);
    let records = samples.rows().map(|r| r.record).filter(|r| r.ok());
    records
        .filter(by_server)
        .filter_map(move |r| Some((label(r, name)?, r.input_tokens?)))
}

/// Output tokens asked for and got, per request whose tokens were counted by the server or by a
/// tokenizer.
fn asked_output<'a>(samples: &'a PhaseSamples<'_>) -> impl Iterator<Item = (u64, u64)> + 'a {
    let counted = |r: &&RequestRecord| r.provenance.output != Some(TokenSource::Chunks);
    let records = samples.rows().map(|r| r.record).filter(|r| r.ok());
    records
        .filter(counted)
        .filter_map(|r| Some((label(r, ASKED_OUTPUT_TOKENS)?, r.output_tokens?)))
}

fn label(record: &RequestRecord, name: &str) -> Option<u64> {
    record.labels.get(name)?.parse().ok()
}

fn compare(pairs: impl Iterator<Item = (u64, u64)>) -> Option<AskedAndGot> {
    let mut sum = AskedAndGot::default();
    for (asked, got) in pairs {
        sum.n += 1;
        sum.asked += asked;
        sum.got += got;
        sum.differ += u64::from(asked != got);
    }
    (sum.n > 0).then_some(sum)
}
