use crate::record::{RunRecords, TokenSource};
use crate::result::{AskedAndGot, Warning};
use crate::stats::{EXACT_VALUES, RELATIVE_ERROR};

use super::lengths::token_lengths;
use super::samples::{PhaseSamples, token_sources, visit};
use super::server_check::server_warnings;

/// What a reader of a phase's numbers should know. Deterministic, in a fixed order.
pub fn phase_warnings(runs: &[RunRecords], interrupted: bool) -> Vec<Warning> {
    let samples = PhaseSamples::new(runs, interrupted);
    let mut warnings = Vec::new();
    let mut warn = |text: String, remedy: &str| {
        warnings.push(Warning {
            text,
            remedy: remedy.to_owned(),
        });
    };
    let ok = samples.rows().filter(|r| r.record.ok()).count();
    let share = |part: usize, of: usize| format!("{part} of {of}");

    if interrupted {
        warn(
            "the run was interrupted: requests that were under way count nowhere".to_owned(),
            "run the case again for a full window",
        );
    } else {
        let cut = samples.rows().filter(|r| r.record.cut()).count();
        if cut > 0 {
            warn(
                format!(
                    "{} requests had not ended when the drain was over; they count as failed",
                    share(cut, samples.len())
                ),
                "raise `drain`, or lower the load or the output length",
            );
        }
    }
    let output = token_sources(&samples, |r| r.provenance.output);
    if let Some(&n) = output.get(&TokenSource::Chunks) {
        warn(
            format!(
                "the server did not count the output tokens of {} requests: every chunk was taken for one token",
                share(n, ok)
            ),
            "let the server send `usage` (with `stream_options: {include_usage: true}`); where a chunk holds several tokens, tpot and tokens_per_second are off by that factor",
        );
    }
    if let Some(&n) = output.get(&TokenSource::Estimate) {
        warn(
            format!(
                "the output tokens of {} requests are an estimate",
                share(n, ok)
            ),
            "let the server send `usage`",
        );
    }
    let input = token_sources(&samples, |r| r.provenance.input);
    if let Some(&n) = input.get(&TokenSource::Estimate) {
        warn(
            format!(
                "the input tokens of {} requests are an estimate",
                share(n, ok)
            ),
            "let the server send `usage`",
        );
    }
    if let Some((here, there)) = counted_twice(&samples)
        && here.abs_diff(there) as f64 > TOKENIZER_MISMATCH * there as f64
    {
        warn(
            format!(
                "the tokenizer counts {here} tokens in answers that have {there} by the server's count"
            ),
            "name the model's own tokenizer: which chunk held how many tokens is counted with it",
        );
    }
    let lengths = token_lengths(&samples);
    if let Some(input) = &lengths.input
        && input.differ > 0
        && !input.estimated
    {
        warn(
            format!(
                "{} prompts were not as long as asked: {} tokens by the server's count, {} asked",
                share(input.differ as usize, input.n as usize),
                input.got,
                input.asked
            ),
            "name the model's own tokenizer (`tokenizer: {file: tokenizer.json}`), or let the server count (`tokenizer: server`); a template that depends on the day or on tools cannot be planned for",
        );
    }
    if let Some(input) = &lengths.input
        && input.estimated
        && input.asked.abs_diff(input.got) * 10 > input.asked
    {
        warn(
            format!(
                "prompts have {} tokens by the server's count where {} were asked for: a word was taken for a token",
                input.got, input.asked
            ),
            "name the model's tokenizer (`tokenizer: {file: tokenizer.json}` or `{tiktoken: o200k_base}`), which makes prompts exactly as long as asked",
        );
    }
    if let Some(output) = &lengths.output
        && output.differ * 20 > output.n
    {
        warn(
            format!(
                "{} answers were not as long as asked ({} output tokens of {}){}",
                share(output.differ as usize, output.n as usize),
                output.got,
                output.asked,
                ended(output)
            ),
            "set `body: {ignore_eos: true}` where the server knows it, or choose output lengths that the model fills",
        );
    }
    let (mut gaps, mut together, mut all) = (0usize, 0usize, 0usize);
    visit(&samples, "itl", |gap| {
        all += 1;
        gaps += usize::from(gap.ok);
        together += usize::from(gap.ok && gap.value < COALESCED_MS);
    });
    if gaps >= 20 && together * 5 > gaps {
        warn(
            format!(
                "{:.0} % of the gaps between chunks are under {} µs: chunks came several at a time",
                100.0 * together as f64 / gaps as f64,
                COALESCED_MS * 1e3
            ),
            "itl describes the network or a proxy here rather than the engine: assert tpot, or take the proxy's buffering out",
        );
    }
    if all > EXACT_VALUES {
        warn(
            format!(
                "itl has {all} values: its quantiles come from bins, right within {} %",
                RELATIVE_ERROR * 100.0
            ),
            "nothing to do; ask for fewer requests where every digit counts",
        );
    }
    let opened = samples
        .rows()
        .filter(|r| r.record.connect_us.is_some_and(|t| t > 0))
        .count();
    if samples.len() >= 20 && opened * 2 > samples.len() {
        warn(
            format!(
                "{} requests had to open a connection",
                share(opened, samples.len())
            ),
            "the server closes connections after each answer: switch keep-alive on, its users pay for that time too",
        );
    }
    warnings.extend(server_warnings(runs, &samples));
    warnings
}

/// How the answers ended that are too short, in words; empty where none is.
fn ended(output: &AskedAndGot) -> String {
    let short = output.endings.iter().filter(|e| e.shorter > 0);
    let of: Vec<String> = short
        .map(|e| format!("{} by `{}`", e.shorter, e.finish))
        .collect();
    match of.is_empty() {
        true => String::new(),
        false => format!("; ended too early: {}", of.join(", ")),
    }
}

/// How far counts of the same answers by the server and by a tokenizer here may lie apart. A text does
/// not always fall into the tokens that it was made of.
const TOKENIZER_MISMATCH: f64 = 0.02;

/// Tokens of the answers that both a tokenizer here and the server have counted, by each. An end of
/// sequence, which servers count and no text shows, is left out.
fn counted_twice(samples: &PhaseSamples<'_>) -> Option<(u64, u64)> {
    let (mut here, mut there) = (0, 0);
    for record in samples.rows().map(|row| row.record).filter(|r| r.ok()) {
        let counted = record.provenance;
        if counted.chunks != Some(TokenSource::Client)
            || counted.output != Some(TokenSource::Server)
        {
            continue;
        }
        let own: Option<u64> = record.chunks.iter().map(|c| c.tokens.map(u64::from)).sum();
        let (own, of_server) = (own?, record.output_tokens?);
        let ended = record.finish.as_deref() == Some("stop") && of_server == own + 1;
        here += own;
        there += of_server - u64::from(ended);
    }
    (there > 0).then_some((here, there))
}

/// Gaps shorter than this, in ms, are those of chunks that were read together.
const COALESCED_MS: f64 = 0.05;
