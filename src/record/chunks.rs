use std::fmt;

use serde::{Deserialize, Serialize};

/// A chunk of a streamed response that carried generated output: `[gap_us, tokens]`, or `[gap_us]`
/// where the number of tokens is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Time since the chunk before, in µs; 0 for the first.
    pub gap_us: u64,
    /// Tokens the chunk held.
    pub tokens: Option<u32>,
}

/// The chunks of one response, in order.
///
/// A long measurement keeps tens of millions of them until its metrics are made, so they are held as a
/// few bytes each rather than as the 16 of a [`Chunk`]: the gap, with two bits that say what is known
/// of the tokens, and the number of tokens where it is not 1, as integers of variable length (LEB128).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Chunks {
    bytes: Vec<u8>,
    len: usize,
}

/// What the two low bits of a chunk's first integer say of its tokens.
const UNKNOWN: u128 = 0;
const ONE: u128 = 1;
const FOLLOWS: u128 = 2;

impl Chunks {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From the first to the last.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            bytes: &self.bytes,
            left: self.len,
        }
    }

    /// Adds one at the end.
    pub fn push(&mut self, chunk: Chunk) {
        let what = match chunk.tokens {
            None => UNKNOWN,
            Some(1) => ONE,
            Some(_) => FOLLOWS,
        };
        self.put(u128::from(chunk.gap_us) << 2 | what);
        if let (FOLLOWS, Some(tokens)) = (what, chunk.tokens) {
            self.put(u128::from(tokens));
        }
        self.len += 1;
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Chunks::default();
    }

    /// Takes all but the first `n` out.
    pub fn truncate(&mut self, n: usize) {
        let mut kept = self.iter();
        kept.by_ref().take(n).for_each(drop);
        let left = kept.bytes.len();
        self.bytes.truncate(self.bytes.len() - left);
        self.len = self.len.min(n);
    }

    fn put(&mut self, n: u128) {
        // Nearly all fit; wider integers take far longer.
        if let Ok(mut n) = u64::try_from(n) {
            while n >= 0x80 {
                self.bytes.push(n as u8 | 0x80);
                n >>= 7;
            }
            self.bytes.push(n as u8);
            return;
        }
        let mut n = n;
        while n >= 0x80 {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }
}

/// Goes through [`Chunks`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl Iter<'_> {
    fn take_integer(&mut self) -> Option<u128> {
        let (mut n, mut shift) = (0_u128, 0);
        loop {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            n |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return Some(n);
            }
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let first = self.take_integer()?;
        let tokens = match first & 3 {
            UNKNOWN => None,
            ONE => Some(1),
            _ => u32::try_from(self.take_integer()?).ok(),
        };
        self.left = self.left.saturating_sub(1);
        Some(Chunk {
            gap_us: (first >> 2) as u64,
            tokens,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Chunks {
    type Item = Chunk;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Chunk> for Chunks {
    fn from_iter<I: IntoIterator<Item = Chunk>>(iter: I) -> Self {
        let iter = iter.into_iter();
        let mut chunks = Chunks::default();
        // Gaps of up to two seconds take three bytes.
        chunks.bytes.reserve(3 * iter.size_hint().0);
        iter.for_each(|chunk| chunks.push(chunk));
        chunks.bytes.shrink_to_fit();
        chunks
    }
}

impl From<Vec<Chunk>> for Chunks {
    fn from(chunks: Vec<Chunk>) -> Self {
        chunks.into_iter().collect()
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl Serialize for Chunks {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for Chunks {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Vec::<Chunk>::deserialize(d)?.into())
    }
}

impl Serialize for Chunk {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = s.serialize_seq(Some(1 + usize::from(self.tokens.is_some())))?;
        seq.serialize_element(&self.gap_us)?;
        if let Some(tokens) = self.tokens {
            seq.serialize_element(&tokens)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let parts = Vec::<u64>::deserialize(d)?;
        match parts[..] {
            [gap_us] => Ok(Chunk {
                gap_us,
                tokens: None,
            }),
            [gap_us, tokens] => Ok(Chunk {
                gap_us,
                tokens: Some(u32::try_from(tokens).map_err(serde::de::Error::custom)?),
            }),
            _ => Err(serde::de::Error::custom("a chunk is [gap_us, tokens]")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk() -> impl Strategy<Value = Chunk> {
        let gap = prop_oneof![0..200_000_u64, any::<u64>()];
        let tokens = prop_oneof![Just(None), Just(Some(1)), any::<u32>().prop_map(Some)];
        (gap, tokens).prop_map(|(gap_us, tokens)| Chunk { gap_us, tokens })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(list in prop::collection::vec(chunk(), 0..40), n in 0..50_usize) {
            let mut chunks = Chunks::from(list.clone());
            prop_assert_eq!(chunks.len(), list.len());
            prop_assert_eq!(chunks.is_empty(), list.is_empty());
            prop_assert_eq!(chunks.iter().collect::<Vec<_>>(), list.clone());
            prop_assert_eq!(format!("{chunks:?}"), format!("{list:?}"));
            let text = serde_json::to_string(&chunks).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&list).unwrap());
            prop_assert_eq!(&serde_json::from_str::<Chunks>(&text).unwrap(), &chunks);
            let mut cut = list;
            cut.truncate(n);
            chunks.truncate(n);
            prop_assert_eq!(chunks, Chunks::from(cut));
        }
    }

    #[test]
    fn a_token_takes_three_bytes() {
        let chunks: Chunks = (0..1000)
            .map(|i| Chunk {
                gap_us: 20_000 + i,
                tokens: Some(1),
            })
            .collect();
        assert_eq!(chunks.bytes.len(), 3_000);
    }
}
