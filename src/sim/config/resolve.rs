use serde_json::{Map, Value};

use super::fields::{FaultKind, SimConfig};
use super::preset::PRESETS;

/// What is wrong with an engine's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimConfigError {
    /// The key in question, dotted, such as `cost.base_ms`; `preset` for the preset's name.
    pub key: String,
    /// What is wrong with it: a lower-case fragment.
    pub message: String,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

impl std::fmt::Display for SimConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SimConfigError {}

impl SimConfigError {
    pub(super) fn plain(key: &str, message: &str) -> SimConfigError {
        SimConfigError {
            key: key.to_owned(),
            message: message.to_owned(),
            help: None,
        }
    }
}

impl SimConfig {
    /// The preset called `preset` (empty: the default one) with `overrides` put over it.
    ///
    /// Keys are nested as in the configuration (`cost: {base_ms: 5}`) or dotted
    /// (`cost.base_ms: 5`). Lists replace the preset's whole list.
    ///
    /// # Errors
    /// An unknown preset or key (with the nearest valid name), a value of the wrong type or out of range.
    pub fn resolve(
        preset: &str,
        overrides: &Map<String, Value>,
    ) -> Result<SimConfig, SimConfigError> {
        let Some(base) = SimConfig::preset(preset) else {
            return Err(unknown_preset(preset));
        };
        let mut tree = serde_json::to_value(&base)
            .map_err(|e| SimConfigError::plain("sim", &e.to_string()))?;
        for (key, value) in overrides {
            let path: Vec<&str> = key.split('.').collect();
            put(&mut tree, &path, value, "")?;
        }
        let config: SimConfig = serde_path_to_error::deserialize(&tree).map_err(|e| {
            let key = e.path().to_string();
            let message = e.into_inner().to_string();
            SimConfigError {
                help: nearest_variant(&message),
                key,
                message,
            }
        })?;
        config.check()?;
        Ok(config)
    }
}

fn put(tree: &mut Value, path: &[&str], value: &Value, above: &str) -> Result<(), SimConfigError> {
    let Some((first, rest)) = path.split_first() else {
        return merge(tree, value, above);
    };
    let key = join(above, first);
    let Value::Object(map) = tree else {
        return Err(SimConfigError::plain(above, "has no keys below it"));
    };
    match map.get_mut(*first) {
        Some(below) => put(below, rest, value, &key),
        None => Err(unknown_key(&join_all(&key, rest))),
    }
}

fn merge(tree: &mut Value, value: &Value, at: &str) -> Result<(), SimConfigError> {
    match (tree, value) {
        (tree @ Value::Object(_), Value::Object(overrides)) => {
            for (key, value) in overrides {
                let path: Vec<&str> = key.split('.').collect();
                put(tree, &path, value, at)?;
            }
            Ok(())
        }
        (Value::Object(_), _) => Err(SimConfigError::plain(
            at,
            "is a group of keys, not a single value",
        )),
        (tree, value) => {
            *tree = value.clone();
            Ok(())
        }
    }
}

fn join(above: &str, key: &str) -> String {
    if above.is_empty() {
        key.to_owned()
    } else {
        format!("{above}.{key}")
    }
}

fn join_all(key: &str, rest: &[&str]) -> String {
    rest.iter().fold(key.to_owned(), |all, k| join(&all, k))
}

fn unknown_preset(name: &str) -> SimConfigError {
    let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
    SimConfigError {
        key: "preset".to_owned(),
        message: format!("there is no preset `{name}`"),
        help: Some(match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("presets: {}", names.join(", ")),
        }),
    }
}

fn unknown_key(key: &str) -> SimConfigError {
    let names = SimConfig::field_names();
    let near = nearest(key, names.iter().map(String::as_str)).or_else(|| {
        // `max_num_seq` where `scheduler.max_num_seqs` is meant: compare the last parts alone.
        let leaf = last(key);
        let leaves = names.iter().map(|n| last(n));
        let near = nearest(leaf, leaves)?;
        names.iter().map(String::as_str).find(|n| last(n) == near)
    });
    SimConfigError {
        key: key.to_owned(),
        message: "unknown key".to_owned(),
        help: near.map(|n| format!("did you mean `{n}`?")),
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn nearest<'a>(name: &str, valid: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    valid
        .map(|v| (strsim::jaro_winkler(name, v), v))
        .filter(|(similarity, _)| *similarity > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, v)| v)
}

/// serde names the valid variants, but not the nearest one.
fn nearest_variant(message: &str) -> Option<String> {
    let wrong = message
        .strip_prefix("unknown variant `")?
        .split('`')
        .next()?;
    let all = FaultKind::ALL.iter().map(|(_, name)| *name);
    let others = [
        "fcfs",
        "priority",
        "round_robin",
        "least_outstanding",
        "prefix_aware",
    ];
    nearest(wrong, all.chain(others)).map(|n| format!("did you mean `{n}`?"))
}

impl SimConfig {
    /// The dotted names of all fields, in order; those of a fault as `faults[].kind` and so on.
    pub fn field_names() -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(tree) = serde_json::to_value(SimConfig::default()) {
            collect(&tree, "", &mut names);
        }
        for field in [
            "kind",
            "rate",
            "requests",
            "after_chunks",
            "seconds",
            "bytes",
        ] {
            names.push(format!("faults[].{field}"));
        }
        names
    }
}

fn collect(tree: &Value, above: &str, names: &mut Vec<String>) {
    match tree {
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, &join(above, key), names);
            }
        }
        _ => names.push(above.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(preset: &str, overrides: Value) -> Result<SimConfig, SimConfigError> {
        SimConfig::resolve(preset, overrides.as_object().expect("a map"))
    }

    #[test]
    fn every_preset_is_valid() {
        for preset in PRESETS {
            let config = resolve(preset.name, json!({})).expect(preset.name);
            assert_eq!(Some(config), SimConfig::preset(preset.name));
        }
    }

    #[test]
    fn an_empty_name_is_the_default_preset() {
        assert_eq!(
            SimConfig::preset(""),
            SimConfig::preset(super::super::DEFAULT_PRESET)
        );
    }

    #[test]
    fn keys_may_be_nested_or_dotted() {
        let nested = resolve("", json!({"cost": {"base_ms": 5}, "error_rate": 0.1})).unwrap();
        let dotted = resolve("", json!({"cost.base_ms": 5, "error_rate": 0.1})).unwrap();
        assert_eq!(nested, dotted);
        assert_eq!(nested.cost.base_ms, 5.0);
        assert_eq!(nested.cost.prefill_us, SimConfig::default().cost.prefill_us);
    }

    #[test]
    fn errors_name_the_key_and_the_nearest_valid_name() {
        let error = |preset, overrides| resolve(preset, overrides).unwrap_err().to_string();
        let errors = [
            error("quik", json!({})),
            error("", json!({"cost": {"base": 5}})),
            error("", json!({"max_num_seqs": 5})),
            error("", json!({"scheduler": 5})),
            error("", json!({"kv.blocks.x": 5})),
            error("", json!({"kv": {"blocks": "many"}})),
            error("", json!({"kv": {"blocks": 10}})),
            error("", json!({"error_rate": 5})),
            error("", json!({"topology": {"router": "round-robin"}})),
            error("", json!({"faults": [{"kind": "stal", "rate": 0.5}]})),
            error("", json!({"faults": [{"kind": "stall"}]})),
            error(
                "",
                json!({"faults": [{"kind": "stall", "rate": 1, "chunks": 3}]}),
            ),
        ];
        insta::assert_snapshot!(errors.join("\n"));
    }

    /// The rows of the table under "Fields": name and default.
    fn documented() -> Vec<(String, String)> {
        let (_, table) = DOCS.split_once("## Fields").expect("the table");
        let cells = table.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.trim_end_matches('`').to_owned();
            Some((name, cells.next()?.trim_matches(['`', ' ']).to_owned()))
        });
        cells.collect()
    }

    const DOCS: &str = include_str!("../../../docs/engine.md");

    #[test]
    fn the_documentation_names_every_field_in_order() {
        let names: Vec<String> = documented().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, SimConfig::field_names());
    }

    #[test]
    fn the_documentation_states_the_defaults() {
        let defaults = serde_json::to_value(SimConfig::default()).unwrap();
        for (name, stated) in documented() {
            let actual = name
                .split('.')
                .try_fold(&defaults, |tree, key| tree.get(key));
            let Some(actual) = actual.filter(|_| name != "model") else {
                continue;
            };
            let actual = match actual {
                Value::String(text) => text.clone(),
                Value::Number(n) => n.as_f64().unwrap().to_string(),
                other => other.to_string(),
            };
            assert_eq!(stated, actual, "{name}");
        }
    }

    #[test]
    fn the_documentation_names_every_preset_and_fault() {
        for preset in PRESETS {
            assert!(
                DOCS.contains(&format!("| `{}` |", preset.name)),
                "{}",
                preset.name
            );
        }
        for (kind, name) in FaultKind::ALL {
            assert!(DOCS.contains(&format!("`{name}`")), "{name}");
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }
}
