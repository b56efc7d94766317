use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::settings::BaselineSettings;
use crate::baseline::DEFINITIONS;
use crate::plan::{Case, PhasePlan, Role};
use crate::sim::DEFAULT_PRESET;
use crate::suite::{
    Api, Bin, KindPlan, Length, Popularity, Prefix, PromptSource, SaltMode, Shape, Target,
    TargetUrl, TokenizerChoice,
};

/// Digits of a fingerprint.
const DIGITS: usize = 8;

/// By phase, what must be the same for a comparison with accepted results to mean something. `model`
/// says which model a target (by its name within the case) was asked for.
pub fn identities(
    case: &Case,
    settings: &BaselineSettings,
    is_virtual: bool,
    model: impl Fn(Option<&str>) -> Option<String>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let all = case.phases.iter().map(|phase| {
        let identity = identity(
            case,
            phase,
            settings,
            is_virtual,
            model(phase.target_name()),
        );
        (phase.name.clone(), identity)
    });
    all.collect()
}

/// What must be the same for the answers of a whole case to be compared: what its first phase is, with
/// what a search looked for, or with the loads of all phases, in place of that phase's load.
pub fn identity_of_answers(
    case: &Case,
    settings: &BaselineSettings,
    is_virtual: bool,
    model: impl Fn(Option<&str>) -> Option<String>,
) -> BTreeMap<String, String> {
    let Some(first) = case.phases.first() else {
        return BTreeMap::new();
    };
    let mut of_first = identity(
        case,
        first,
        settings,
        is_virtual,
        model(first.target_name()),
    );
    let load = match &case.scenario.plan {
        KindPlan::Search(search) => {
            let errors = share(case.scenario.allow_errors);
            format!("{}, error_rate <= {errors}", search.asked())
        }
        _ => {
            let mut loads: Vec<String> = Vec::new();
            for phase in case.phases.iter().filter(|p| p.role == Role::Measured) {
                let load = phase.load.to_string();
                if loads.last() != Some(&load) {
                    loads.push(load);
                }
            }
            loads.join("; ")
        }
    };
    of_first.insert("load".to_owned(), load);
    of_first
}

/// A share as a percentage.
fn share(share: f64) -> String {
    format!("{}%", (share * 1e8).round() / 1e6)
}

/// The identity of one phase.
pub fn identity(
    case: &Case,
    phase: &PhasePlan,
    settings: &BaselineSettings,
    is_virtual: bool,
    model: Option<String>,
) -> BTreeMap<String, String> {
    let target = phase.target(case);
    let mut identity = BTreeMap::from([
        ("definitions".to_owned(), DEFINITIONS.to_owned()),
        ("load".to_owned(), phase.load.to_string()),
        ("workload".to_owned(), workload(case, target)),
    ]);
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            identity.insert(key.to_owned(), value);
        }
    };
    put("model", model.or_else(|| target.model.clone()));
    put("accelerator", accelerator(target, settings));
    put("accelerators", target.gpus.map(|n| n.to_string()));
    if matches!(target.url, TargetUrl::Sim(_)) {
        let clock = if is_virtual { "virtual" } else { "real" };
        put("clock", Some(clock.to_owned()));
    }
    identity
}

/// What the target computes on: what the user says, else what this machine has where the target is on it.
pub fn accelerator(target: &Target, settings: &BaselineSettings) -> Option<String> {
    if let Some(variant) = &settings.variant {
        return Some(variant.clone());
    }
    match &target.url {
        TargetUrl::Sim(engine) => {
            let preset = match engine.preset.as_str() {
                "" => DEFAULT_PRESET,
                preset => preset,
            };
            Some(format!("sim/{preset}"))
        }
        TargetUrl::Http(url) => {
            let local = match url.host() {
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                Some(url::Host::Domain(name)) => name == "localhost",
                None => false,
            };
            local.then(own_accelerator).flatten()
        }
    }
}

/// The accelerator of this machine, as its driver names it; several alike have one name.
fn own_accelerator() -> Option<String> {
    let gpus = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let mut names: Vec<String> = gpus
        .filter_map(|gpu| std::fs::read_to_string(gpu.ok()?.path().join("information")).ok())
        .filter_map(|text| model_of(&text))
        .collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| names.join(" + "))
}

fn model_of(information: &str) -> Option<String> {
    let line = information.lines().find(|l| l.starts_with("Model:"))?;
    let name = line.trim_start_matches("Model:").trim();
    Some(name.to_owned()).filter(|n| !n.is_empty())
}

/// What is asked, in words and as a fingerprint of all of it.
fn workload(case: &Case, target: &Target) -> String {
    let scenario = &case.scenario;
    let api = match target.api {
        Api::Chat => "chat",
        Api::Completions => "completions",
    };
    let mut content = Vec::new();
    let source = &scenario.prompts.source;
    let words = match source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            prefix,
            conversation,
        } => format!(
            "synthetic {} → {} tokens{}{}",
            length(input_tokens),
            length(output_tokens),
            prefix.map_or(String::new(), of_prefix),
            conversation.map_or(String::new(), |talk| format!(
                " in conversations of {} turns, {} at a time",
                talk.turns, talk.open
            ))
        ),
        PromptSource::File {
            path,
            output_tokens,
            shuffle,
            ..
        } => {
            // What it says is what counts, not where it stands.
            content = std::fs::read(path).unwrap_or_default();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let tokens = output_tokens
                .as_ref()
                .map_or(String::new(), |t| format!(" → {} tokens", length(t)));
            format!("{name}{tokens}{}", if *shuffle { ", shuffled" } else { "" })
        }
    };
    for bins in lengths_of(source).filter_map(bins_of) {
        content.extend_from_slice(format!("{bins:?}").as_bytes());
    }
    let salted = matches!(scenario.prompts.salt, SaltMode::On);
    let all = format!(
        "{words}|{api}|{}|{salted}|{}{}",
        target.stream,
        serde_json::Value::Object(target.body.clone()),
        tokenizer(&target.tokenizer)
    );
    let mut hash = Sha256::new();
    hash.update(all.as_bytes());
    hash.update(&content);
    let digest: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let plain = if target.stream { "" } else { ", not streamed" };
    format!("{words}, {api}{plain} #{}", &digest[..DIGITS])
}

fn length(length: &Length) -> String {
    let (shape, min, max) = match length {
        Length::Fixed(n) => return n.to_string(),
        Length::Drawn { shape, min, max } => (shape, min, max),
    };
    let within = format!("{min}–{max}");
    match shape {
        Shape::Uniform => within,
        Shape::Normal { mean, stddev } => format!("{mean}±{stddev} in {within}"),
        Shape::LogNormal { mean, stddev } => format!("{mean}±{stddev} (log-normal) in {within}"),
        Shape::Exponential { mean } => format!("{mean} (exponential) in {within}"),
        Shape::Zipf { s } => format!("{within} (zipf {s})"),
        Shape::Histogram { path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("{name} in {within}")
        }
    }
}

fn lengths_of(source: &PromptSource) -> impl Iterator<Item = &Length> {
    let (input, output) = match source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            ..
        } => (Some(input_tokens), Some(output_tokens)),
        PromptSource::File { output_tokens, .. } => (None, output_tokens.as_ref()),
    };
    input.into_iter().chain(output)
}

fn bins_of(length: &Length) -> Option<&[Bin]> {
    match length {
        Length::Drawn {
            shape: Shape::Histogram { bins, .. },
            ..
        } => Some(bins.bins()),
        _ => None,
    }
}

/// What prompts are counted with, where the suite says: the same lengths are other texts by it.
fn tokenizer(choice: &TokenizerChoice) -> String {
    match choice {
        TokenizerChoice::Auto => String::new(),
        TokenizerChoice::Server => "|server".to_owned(),
        TokenizerChoice::None => "|none".to_owned(),
        TokenizerChoice::File { path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("|file {name}")
        }
        TokenizerChoice::Tiktoken(name) => format!("|{name}"),
    }
}

/// What prompts begin with.
fn of_prefix(prefix: Prefix) -> String {
    let Prefix {
        tokens,
        groups,
        ratio,
        popularity,
    } = prefix;
    let chosen = match popularity {
        Popularity::Uniform => String::new(),
        Popularity::Zipf(s) => format!(" (zipf {s})"),
    };
    format!(" after {tokens} shared in {groups} groups{chosen} by {ratio} of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_names_the_accelerator() {
        let text = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 42\n";
        assert_eq!(model_of(text).as_deref(), Some("NVIDIA H200"));
        assert_eq!(model_of("IRQ: 42\n"), None);
    }
}
