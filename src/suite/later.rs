//! Names that are taken: what later versions bring is refused as such, not as a typing error.

/// A mapping of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Suite,
    Project,
    Target,
    Launch,
    Defaults,
    Scenario,
    Load,
    Prompts,
    Other,
}

const SETTINGS: [(&str, &str); 1] = [("checks", "content checks")];

const LOAD: [(&str, &str); 2] = [("trace", "traces"), ("replay", "traces")];

const PROJECT: [(&str, &str); 1] = [("policies", "policies for whole projects")];

/// What `key` comes with, where it is taken.
pub(super) fn key(place: Place, key: &str) -> Option<&'static str> {
    let taken: &[(&str, &str)] = match place {
        Place::Suite => &[],
        Place::Project => &PROJECT,
        Place::Defaults | Place::Scenario => &SETTINGS,
        Place::Load => &LOAD,
        Place::Target | Place::Prompts | Place::Launch | Place::Other => &[],
    };
    taken.iter().find(|(k, _)| *k == key).map(|(_, with)| *with)
}

/// The key that a scenario may lack when it has the later `key`.
pub(super) fn stands_for(key: &str) -> Option<&'static str> {
    Some(match key {
        "search" | "sweep" | "trace" => "load",
        "targets" => "target",
        _ => return None,
    })
}

/// Where a key belongs that people write in a wrong place.
pub(super) fn belongs(key: &str) -> Option<&'static str> {
    Some(match key {
        "url" | "api" | "model" | "gpus" | "auth" | "ca" | "insecure_tls" | "transport"
        | "ready" | "sim" | "launch" => "under `target:`",
        "rate" | "arrivals" | "concurrency" | "stages" | "max_concurrency" | "start" => {
            "under `load:`"
        }
        "input_tokens" | "output_tokens" | "salt" | "path" | "prefix" | "length_tolerance" => {
            "under `prompts:`"
        }
        "tokenizer" => "in a scenario, under `defaults:` or under `target:`",
        "sla" | "load" | "prompts" | "requests" | "duration" | "warmup" | "drain" | "repeats"
        | "timeouts" | "kind" | "seed" | "confidence" | "undecided" | "allow_errors"
        | "measure_only" | "client" | "baseline" | "restart" | "between" | "timeout" | "skip"
        | "known_issue" => "in a scenario or under `defaults:`",
        "name" | "matrix" => "in a scenario",
        "maximize" | "saturate" | "subject_to" | "precision" | "budget" => "under `search:`",
        "replicas" | "mode" | "order" | "idle" | "scale" => "under `sweep:`",
        "flush" | "block_size" | "capacity" => "under `cache:`",
        "include" | "exclude" => "under `matrix:`",
        "until" => "under `known_issue:`",
        "targets" => "in a scenario of kind `disaggregation`, or in `prony.yaml`",
        "profiles" => "in `prony.yaml`, beside the folder of suites",
        "suite" | "scenarios" => "in a suite",
        "connect" | "first_token" | "total" => "under `timeouts:`",
        "achieved" | "busy" | "throttled" | "loop_delay" | "send_lag" | "supplies" | "threads" => {
            "under `client:`"
        }
        _ => return None,
    })
}

/// Whether `key` is one of `prony.yaml` and of nothing else, so that it is no typing error.
pub(super) fn only_in_projects(key: &str) -> bool {
    matches!(key, "targets" | "profiles")
}

/// What a prompt source comes with, where its name is taken.
pub(super) fn prompts(name: &str) -> Option<&'static str> {
    Some(match name {
        "sharegpt" | "dataset" => "prompts from data sets",
        "trace" => "traces",
        "conversation" => "conversations",
        "command" => "prompts from a command",
        _ => return None,
    })
}
