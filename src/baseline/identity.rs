//! What must be the same on both sides of a comparison.

use std::collections::BTreeMap;

/// Version of what metrics mean: a value from before a definition changed is no baseline for one after.
pub const DEFINITIONS: &str = "1";

/// A part of the identity that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which part.
    pub key: String,
    /// In the baseline; absent: not known.
    pub baseline: Option<String>,
    /// Now; absent: not known.
    pub now: Option<String>,
}

/// Where `now` is another than `baseline`. What one side does not know is a difference, too: nobody
/// can say that it is the same.
pub fn differences(
    baseline: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let mut keys: Vec<&String> = baseline.keys().chain(now.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .filter(|key| baseline.get(*key) != now.get(*key))
        .map(|key| Difference {
            key: key.clone(),
            baseline: baseline.get(key).cloned(),
            now: now.get(key).cloned(),
        })
        .collect()
}

/// In words: `not comparable (accelerator: H100 → H200)`.
pub fn not_comparable(differences: &[Difference]) -> String {
    let parts: Vec<String> = differences
        .iter()
        .map(|d| {
            let shown =
                |side: &Option<String>| side.clone().unwrap_or_else(|| "unknown".to_owned());
            format!("{}: {} → {}", d.key, shown(&d.baseline), shown(&d.now))
        })
        .collect();
    format!("not comparable ({})", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    #[test]
    fn what_differs_is_named_with_both_sides() {
        let baseline = identity(&[("accelerator", "H100"), ("model", "llama")]);
        let now = identity(&[("accelerator", "H200"), ("model", "llama")]);
        assert_eq!(
            not_comparable(&differences(&baseline, &now)),
            "not comparable (accelerator: H100 → H200)"
        );
        assert_eq!(differences(&baseline, &baseline), []);
    }

    #[test]
    fn what_one_side_does_not_know_is_no_match() {
        let baseline = identity(&[("accelerator", "H100")]);
        assert_eq!(
            not_comparable(&differences(&baseline, &identity(&[]))),
            "not comparable (accelerator: H100 → unknown)"
        );
    }
}
