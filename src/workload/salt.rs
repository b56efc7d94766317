use rand::Rng;

use super::seed::stream;
use super::words::WORDS;

/// Words of a salt; each carries one byte, so that two runs share theirs once in 2⁶⁴.
pub const SALT_WORDS: usize = 8;

/// The words that set one run's prompts apart from every other run's from the first token on.
///
/// All salts have [`SALT_WORDS`] words, each about one token long, so that a salt changes what a
/// prefix cache holds and not how long prompts are. `nonce` is drawn fresh per invocation in real
/// time and derived from the seed in virtual time.
pub fn salt(nonce: u64, case: &str, phase: &str, run: u32) -> String {
    let purpose = format!("salt/{case}/{phase}");
    words(&mut stream(nonce, &purpose, u64::from(run)), SALT_WORDS)
}

/// `n` words drawn from `rng`, separated by spaces.
pub(super) fn words(rng: &mut impl Rng, n: usize) -> String {
    // The longest word has 12 letters, the mean about 5.
    let mut text = String::with_capacity(n * 7);
    let mut drawn = 0;
    while drawn < n {
        // One draw serves eight words.
        for byte in rng.next_u64().to_le_bytes().into_iter().take(n - drawn) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(WORDS[usize::from(byte)]);
            drawn += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_have_equal_length_and_differ_by_run_phase_case_and_nonce() {
        let base = salt(1, "a::b", "main", 0);
        assert_eq!(base.split(' ').count(), SALT_WORDS);
        assert_eq!(base, salt(1, "a::b", "main", 0));
        for other in [
            salt(2, "a::b", "main", 0),
            salt(1, "a::c", "main", 0),
            salt(1, "a::b", "warm", 0),
            salt(1, "a::b", "main", 1),
        ] {
            assert_ne!(base, other);
        }
    }
}
