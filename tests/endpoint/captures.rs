//! Every capture through the whole stack, from a socket to the record.

use std::fmt::Write;

use prony::endpoint::Protocol;
use prony::record::RequestRecord;

use crate::reference;
use crate::server::{Server, chat, completions, observe, patient};

/// Whole answers come for requests that did not ask for a stream.
fn protocol(name: &str, stream: bool) -> Box<dyn Protocol> {
    let none = serde_json::Map::new();
    match (name.contains("chat"), stream) {
        (true, true) => Box::new(chat()),
        (false, true) => Box::new(completions()),
        (true, false) => Box::new(prony::endpoint::openai::Chat::new("tiny", false, &none)),
        (false, false) => Box::new(prony::endpoint::openai::Completions::new(
            "tiny", false, &none,
        )),
    }
}

#[test]
fn every_capture_is_observed_as_a_person_reads_it() {
    let mut summary = String::new();
    for (name, recording) in reference::captures() {
        for (i, response) in reference::responses(&recording).into_iter().enumerate() {
            let raw = response.raw;
            let server = Server::start(move |conn| {
                conn.request();
                conn.write(&raw);
                conn.close();
            });
            let protocol = protocol(&name, response.stream);
            let seen = observe(server.settings(), protocol, patient());
            let mut record = RequestRecord::default();
            seen.fill(&mut record, 0);
            let tokens: Vec<_> = record.chunks.iter().map(|c| c.tokens).collect();
            let told = if tokens.iter().all(Option::is_none) {
                String::new()
            } else {
                format!(
                    " of {}",
                    tokens
                        .iter()
                        .map(|t| t.map_or("?".into(), |n| n.to_string()))
                        .collect::<Vec<_>>()
                        .join("+")
                )
            };
            writeln!(
                summary,
                "{name}{}\n  {} {} chunks{told}, finish {}, tokens {} in ({} cached) {} out by {:?}{}",
                if i > 0 { format!(" #{}", i + 1) } else { String::new() },
                record.status.unwrap(),
                tokens.len(),
                record.finish.as_deref().unwrap_or("none"),
                shown(record.input_tokens),
                shown(record.cached_tokens),
                shown(record.output_tokens),
                record.provenance.output,
                record.error.map_or(String::new(), |e| format!("\n  {}: {}", e.kind.name(), e.message)),
            )
            .unwrap();
        }
    }
    // One snapshot for all transports.
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("captures", summary);
    });
}

fn shown(count: Option<u64>) -> String {
    count.map_or("?".to_owned(), |n| n.to_string())
}
