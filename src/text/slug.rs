use sha2::{Digest, Sha256};

/// Characters of the readable part at most.
const READABLE: usize = 80;

/// The folder or file name of a case: lower case, every run of characters outside `[a-z0-9._-]` as
/// one `-`, at most 80 characters, plus `-` and 8 hex digits of the SHA-256 of `full_name`.
///
/// The digest keeps names apart that look alike after folding. Only ASCII letters are folded, so
/// that the result does not depend on the Unicode tables of a release.
pub fn slug(full_name: &str) -> String {
    let mut out = String::with_capacity(READABLE + 9);
    let mut in_run = false;
    for c in full_name.chars().map(|c| c.to_ascii_lowercase()) {
        let keep = matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        if keep || !in_run {
            if out.len() == READABLE {
                break;
            }
            out.push(if keep { c } else { '-' });
        }
        in_run = !keep;
    }
    let digest = Sha256::digest(full_name.as_bytes());
    out.push('-');
    for byte in digest.iter().take(4) {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::slug;

    #[test]
    fn a_plain_name() {
        assert_eq!(slug("chat::steady"), "chat-steady-95326e6f");
    }

    #[test]
    fn matrix_values_and_capitals() {
        assert_eq!(
            slug("Chat::steady[model=a/b,n=1_0]"),
            "chat-steady-model-a-b-n-1_0--fb2724b3"
        );
        assert_ne!(slug("Chat::a"), slug("chat::a"));
    }

    #[test]
    fn long_names_are_cut_before_the_digest() {
        let s = slug(&"x".repeat(500));
        assert_eq!(s.len(), 80 + 1 + 8);
    }

    proptest! {
        #[test]
        fn is_a_safe_file_name(name in ".*") {
            let s = slug(&name);
            prop_assert!(s.len() <= 89);
            prop_assert!(s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')));
            prop_assert!(s.len() >= 9 && s != "." && s != "..");
        }

        #[test]
        fn different_names_have_different_slugs(a in ".{0,40}", b in ".{0,40}") {
            prop_assume!(a != b);
            prop_assert_ne!(slug(&a), slug(&b));
        }
    }
}
