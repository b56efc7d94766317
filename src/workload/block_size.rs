/// The size of a prefix cache's blocks, from prompts that were asked twice: the tokens of each, and how
/// many of them were found the second time. `None`: nothing was found, or no size explains what was.
///
/// A prompt of n tokens that is asked again has `⌊(n − 1) / b⌋ · b` of them cached with blocks of b, since
/// its last token is always computed. So b divides every number found, and is more than what is missing of
/// any; of several such sizes the smallest is taken.
pub fn block_size(again: impl IntoIterator<Item = (u64, u64)>) -> Option<u32> {
    let mut common = 0;
    let mut seen = Vec::new();
    for (tokens, found) in again {
        let most = tokens.checked_sub(1)?;
        if found == 0 || found > most {
            return None;
        }
        common = divisor(common, found);
        seen.push((most, found));
    }
    let missing = seen.iter().map(|(most, found)| most - found).max()?;
    let size = (missing + 1..=common).find(|b| common.is_multiple_of(*b))?;
    u32::try_from(size).ok()
}

/// The greatest common divisor (Euclid).
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Lengths of prompts that tell sizes of blocks apart, the longest not above `most` where that has room: a
/// multiple of 64 less one token ends just before a block does, for every size that divides 64.
pub fn telling_lengths(most: u32) -> [u32; PROBES] {
    let longest = (most / 64).max(3);
    [longest, longest - 1, longest.div_ceil(2)].map(|n| 64 * n)
}

/// How many prompts are asked twice.
pub const PROBES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn again(block: u64, most: u32) -> Vec<(u64, u64)> {
        let lengths = telling_lengths(most).map(u64::from);
        lengths.map(|n| (n, (n - 1) / block * block)).into()
    }

    #[test]
    fn usual_sizes_are_told_apart() {
        for most in [100, 300, 1000, 1003, 4096, 30_000] {
            for block in [1, 2, 4, 8, 16, 32, 64] {
                assert_eq!(block_size(again(block, most)), Some(block as u32), "{most}");
            }
        }
        assert_eq!(block_size(again(256, 8000)), Some(256));
        assert_eq!(block_size(again(528, 8000)), Some(528));
    }

    #[test]
    fn whatever_is_found_explains_what_was_seen() {
        for block in 1..600 {
            let seen = again(block, 5000);
            let found = u64::from(block_size(seen.clone()).expect("one explains it"));
            for (n, cached) in seen {
                assert_eq!(
                    (n - 1) / found * found,
                    cached,
                    "{block}, taken for {found}"
                );
            }
        }
    }

    #[test]
    fn a_cache_that_finds_nothing_or_too_much_has_no_size() {
        assert_eq!(block_size([(640, 0), (576, 0)]), None);
        assert_eq!(block_size([(640, 640)]), None);
        assert_eq!(block_size([(640, 320), (576, 575)]), None);
        assert_eq!(block_size([]), None);
    }
}
