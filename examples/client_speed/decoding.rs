//! The decoder alone, with the scan and by serde.

use std::time::Instant;

use prony::endpoint::openai::stream_decoder;

/// A stream of `n` events as vLLM writes them.
pub fn events(n: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for i in 0..n {
        stream.extend_from_slice(
            format!(
                "data: {{\"id\":\"chatcmpl-7c1d0e\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
                 \"model\":\"bare\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{i}\"}},\
                 \"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
            )
            .as_bytes(),
        );
    }
    stream
}

/// What follows the tokens.
pub const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                       data: [DONE]\n\n";

/// Nanoseconds a token, the least of several rounds.
pub fn nanoseconds_a_token(scan: bool) -> f64 {
    let n = 20_000;
    let stream = events(n);
    let mut out = Vec::new();
    let mut least = f64::INFINITY;
    for _ in 0..7 {
        let mut decoder = stream_decoder(scan);
        let began = Instant::now();
        for piece in stream.chunks(16 << 10) {
            out.clear();
            decoder
                .feed(piece, &mut out)
                .unwrap_or_else(|e| panic!("{e:?}"));
        }
        least = least.min(began.elapsed().as_nanos() as f64 / n as f64);
    }
    least
}
