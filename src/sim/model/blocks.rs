use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

const NONE: u32 = u32::MAX;

/// Block hashes are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

struct Block {
    references: u32,
    hash: Option<u64>,
    before: u32,
    after: u32,
}

/// The KV cache of one replica: reference-counted blocks. Those that nobody uses keep their content,
/// and are found by its hash, until they are needed: the least recently used first.
pub(super) struct BlockPool {
    blocks: Vec<Block>,
    // Looked up only, never iterated.
    by_hash: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    oldest: u32,
    newest: u32,
    free: u32,
    caching: bool,
}

impl BlockPool {
    pub(super) fn new(count: u32, caching: bool) -> BlockPool {
        let mut pool = BlockPool {
            blocks: Vec::with_capacity(count as usize),
            by_hash: HashMap::default(),
            oldest: NONE,
            newest: NONE,
            free: 0,
            caching,
        };
        for id in 0..count {
            pool.blocks.push(Block {
                references: 0,
                hash: None,
                before: NONE,
                after: NONE,
            });
            pool.append(id);
        }
        pool
    }

    /// Blocks that nobody uses.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    pub(super) fn total(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// How many of the first `hashes` are held, at most `limit`.
    pub(super) fn cached_prefix(&self, hashes: &[u64], limit: usize) -> usize {
        if !self.caching {
            return 0;
        }
        hashes
            .iter()
            .take(limit)
            .take_while(|hash| self.by_hash.contains_key(*hash))
            .count()
    }

    /// How many of the first `count` cached blocks of `hashes` count as free until they are taken.
    pub(super) fn idle_among(&self, hashes: &[u64], count: usize) -> u32 {
        hashes
            .iter()
            .take(count)
            .filter_map(|hash| self.by_hash.get(hash))
            .filter(|id| self.blocks[**id as usize].references == 0)
            .count() as u32
    }

    /// Takes the cached block of `hash`.
    pub(super) fn take_cached(&mut self, hash: u64) -> Option<u32> {
        let id = *self.by_hash.get(&hash)?;
        if self.blocks[id as usize].references == 0 {
            self.unlink(id);
        }
        self.blocks[id as usize].references += 1;
        Some(id)
    }

    /// Takes the least recently used free block; what it held is forgotten.
    pub(super) fn take_free(&mut self) -> Option<u32> {
        let id = self.oldest;
        if id == NONE {
            return None;
        }
        self.unlink(id);
        self.forget(id);
        self.blocks[id as usize].references = 1;
        Some(id)
    }

    /// Gives one reference back.
    pub(super) fn release(&mut self, id: u32) {
        let block = &mut self.blocks[id as usize];
        debug_assert!(block.references > 0);
        block.references -= 1;
        if block.references == 0 {
            self.append(id);
        }
    }

    /// Block `id` now holds the content of `hash`, unless another one does already.
    pub(super) fn register(&mut self, id: u32, hash: u64) {
        if !self.caching || self.blocks[id as usize].hash.is_some() {
            return;
        }
        if let Entry::Vacant(entry) = self.by_hash.entry(hash) {
            entry.insert(id);
            self.blocks[id as usize].hash = Some(hash);
        }
    }

    /// Forgets all content; refused (false) while a block is in use.
    pub(super) fn reset(&mut self) -> bool {
        if self.free != self.total() {
            return false;
        }
        self.by_hash.clear();
        for block in &mut self.blocks {
            block.hash = None;
        }
        true
    }

    fn forget(&mut self, id: u32) {
        if let Some(hash) = self.blocks[id as usize].hash.take() {
            self.by_hash.remove(&hash);
        }
    }

    fn append(&mut self, id: u32) {
        let before = self.newest;
        self.blocks[id as usize].before = before;
        self.blocks[id as usize].after = NONE;
        if before == NONE {
            self.oldest = id;
        } else {
            self.blocks[before as usize].after = id;
        }
        self.newest = id;
        self.free += 1;
    }

    fn unlink(&mut self, id: u32) {
        let Block { before, after, .. } = self.blocks[id as usize];
        if before == NONE {
            self.oldest = after;
        } else {
            self.blocks[before as usize].after = after;
        }
        if after == NONE {
            self.newest = before;
        } else {
            self.blocks[after as usize].before = before;
        }
        self.free -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_block_is_found_until_it_is_needed() {
        let mut pool = BlockPool::new(2, true);
        let a = pool.take_free().unwrap();
        pool.register(a, 11);
        pool.release(a);
        assert_eq!(pool.cached_prefix(&[11, 12], 2), 1);
        assert_eq!(pool.take_cached(11), Some(a));
        pool.release(a);
        // The other block is older, so it goes first; then 11 is evicted.
        let other = pool.take_free().unwrap();
        assert_ne!(other, a);
        assert_eq!(pool.take_free(), Some(a));
        assert_eq!(pool.cached_prefix(&[11], 1), 0);
        assert_eq!(pool.take_free(), None);
    }

    #[test]
    fn the_least_recently_used_block_goes_first() {
        let mut pool = BlockPool::new(3, true);
        let ids: Vec<u32> = (0..3).filter_map(|_| pool.take_free()).collect();
        for (id, hash) in ids.iter().zip([1, 2, 3]) {
            pool.register(*id, hash);
        }
        for id in [ids[1], ids[0], ids[2]] {
            pool.release(id);
        }
        let again = pool.take_cached(2).unwrap();
        pool.release(again);
        let order: Vec<Option<u32>> = (0..3).map(|_| pool.take_free()).collect();
        assert_eq!(order, [Some(ids[0]), Some(ids[2]), Some(ids[1])]);
    }

    #[test]
    fn a_reset_waits_for_users() {
        let mut pool = BlockPool::new(2, true);
        let a = pool.take_free().unwrap();
        pool.register(a, 7);
        assert!(!pool.reset());
        pool.release(a);
        assert!(pool.reset());
        assert_eq!(pool.cached_prefix(&[7], 1), 0);
        assert_eq!(pool.free(), 2);
    }

    #[test]
    fn without_caching_nothing_is_found() {
        let mut pool = BlockPool::new(1, false);
        let a = pool.take_free().unwrap();
        pool.register(a, 7);
        assert_eq!(pool.cached_prefix(&[7], 1), 0);
    }
}
