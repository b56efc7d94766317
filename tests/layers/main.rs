//! Layers of settings: which one wins, what a matrix makes of a scenario, what `prony.yaml` and the
//! flags bring.

mod cli;
mod matrix;
mod precedence;
mod project;
mod set;

use prony::suite::{LoadOptions, Suite, SuiteInput, load, render_all};

/// One file.
pub fn file(path: &str, text: &str) -> SuiteInput {
    SuiteInput {
        path: path.into(),
        bytes: text.into(),
    }
}

fn env(name: &str) -> Option<String> {
    match name {
        "API_KEY" => Some("sk-1234567890".into()),
        "MODEL" => Some("llama-8b".into()),
        _ => None,
    }
}

/// Options with two variables.
pub fn options() -> LoadOptions<'static> {
    LoadOptions {
        env: &env,
        ..LoadOptions::default()
    }
}

/// The suite `text`, or what a person sees of its problems.
pub fn load_with(text: &str, options: &LoadOptions<'_>) -> Result<Suite, String> {
    load(&[file("suites/chat.yaml", text)], options)
        .map(|mut suites| suites.remove(0))
        .map_err(|problems| render_all(&problems, false))
}

/// A suite of one scenario with `lines`, each a setting.
pub fn scenario(lines: &[&str]) -> String {
    let mut text = String::from("scenarios:\n  - name: one\n");
    for line in lines {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// What a scenario needs, in one line each.
pub const NEEDED: [&str; 5] = [
    "kind: latency",
    "target: { url: \"sim://\" }",
    "load: { rate: 5/s, arrivals: constant, max_concurrency: 9 }",
    "prompts: { type: synthetic, input_tokens: 100, output_tokens: 20 }",
    "measure_only: true",
];

/// The suite of one scenario with what is needed and `lines`.
pub fn with(lines: &[&str]) -> String {
    let all: Vec<&str> = NEEDED.iter().chain(lines).copied().collect();
    scenario(&all)
}
