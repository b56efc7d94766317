use rand::RngExt;

use super::seed::stream;

/// Words of a salt: single letters.
pub const SALT_WORDS: usize = 19;

/// What sets one run's prompts apart from every other run's: single letters, parted by spaces.
///
/// After an `a` come the same letters for all, in another order, so that all salts are equally long
/// under any tokenizer that keeps words apart; there are 18!, about 2⁵², of them. Prompts that are made
/// up are drawn anew for each salt and do not hold it; prompts from files get it put in front. `nonce`
/// is drawn fresh per invocation in real time and derived from the seed in virtual time.
pub fn salt(nonce: u64, case: &str, phase: &str, run: u32) -> String {
    let purpose = format!("salt/{case}/{phase}");
    let mut rng = stream(nonce, &purpose, u64::from(run));
    let mut letters: Vec<char> = ('a'..='s').collect();
    // Fisher and Yates' shuffle of all but the first.
    for i in (2..letters.len()).rev() {
        letters.swap(i, rng.random_range(1..=i));
    }
    let words: Vec<String> = letters.into_iter().map(String::from).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::TIKTOKEN_NAMES;
    use crate::workload::LocalTokenizer;

    #[test]
    fn salts_differ_by_run_phase_case_and_nonce() {
        let base = salt(1, "a::b", "main", 0);
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

    #[test]
    fn salts_are_equally_long_in_every_vocabulary() {
        for name in TIKTOKEN_NAMES {
            let tokenizer = LocalTokenizer::tiktoken(name).expect(name);
            for run in 0..200 {
                let text = format!("{} Once upon a time", salt(7, "a::b", "main", run));
                let ids = tokenizer.encode(&text).expect("it encodes");
                assert_eq!(ids.len(), SALT_WORDS + 4, "{name}: {text}");
            }
        }
        for run in 0..200 {
            let text = salt(7, "a::b", "main", run);
            assert_eq!(crate::sim::face::tokens::count(&text) as usize, SALT_WORDS);
        }
    }
}
