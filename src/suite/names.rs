//! Names: which are allowed, and which one was meant.

const LONGEST_NAME: usize = 64;

/// The valid name that `given` was most likely meant to be.
pub(crate) fn nearest<'a>(
    given: &str,
    valid: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Nobody mistypes a name that long, and measuring it takes memory.
    if given.len() > LONGEST_NAME {
        return None;
    }
    let given = given.to_lowercase();
    let allowed = match given.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    valid
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&given, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= allowed && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether `name` may name a suite or a scenario: `[A-Za-z0-9][A-Za-z0-9_.-]*`.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let names = ["ttft", "itl", "tpot", "throughput", "load"];
        for (given, meant) in [
            ("tftt", Some("ttft")),
            ("TTFT", Some("ttft")),
            ("troughput", Some("throughput")),
            ("laod", Some("load")),
            ("xyz", None),
            ("", None),
            ("completely-else", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
    }

    #[test]
    fn names_of_suites_and_scenarios() {
        for name in ["a", "chat", "pd-split", "v1.2_x", "7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", ".a", "a b", "a/b", "ä", "a::b", "a\n"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
