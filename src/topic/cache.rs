//! What was decoded stays decoded: a bounded columnar cache of packs.
//!
//! Objects are immutable in normal life, so the second question of a script, a view that is used
//! twice and the next line in the shell pay for the listing only. The identity of every object (its
//! size and time of writing) is kept with the rows; after a new listing it is compared before the
//! rows are used again, so that an object that was overwritten is read anew.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::storage::Identity;

use super::decode::Decoded;

/// What the objects at the places `range` of a pack hold.
#[derive(Debug)]
pub struct Contents {
    /// The places.
    pub range: Range<usize>,
    /// Rows and rejects.
    pub decoded: Decoded,
    /// Of each object in `range`, what it was when it was read; nothing where it had vanished.
    pub identities: Vec<Option<Identity>>,
    /// Whether `_rescued` was computed.
    pub has_rescued: bool,
    /// The listing after which the identities were last known to be right.
    pub verified: AtomicU64,
}

impl Contents {
    /// Whether these rows answer for the objects at `wanted`.
    pub fn covers(&self, wanted: &Range<usize>, rescue: bool) -> bool {
        self.range.start <= wanted.start && wanted.end <= self.range.end && (self.has_rescued || !rescue)
    }

    fn memory_bytes(&self) -> usize {
        self.decoded.memory_bytes() + self.identities.capacity() * size_of::<Option<Identity>>() + size_of::<Self>()
    }
}

/// The cache of a source: all its tables share the budget.
#[derive(Debug)]
pub struct Cache {
    budget_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Vec<Entry>>,
    used_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    contents: Arc<Contents>,
    bytes: usize,
    /// The listing after which it was last used.
    used: u64,
}

impl Cache {
    /// A cache of at most `budget_bytes`; 0 keeps nothing.
    pub fn new(budget_bytes: usize) -> Self {
        Self { budget_bytes, state: Mutex::default() }
    }

    /// Whether anything may be kept.
    pub fn is_enabled(&self) -> bool {
        self.budget_bytes > 0
    }

    /// The memory in use, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.lock().used_bytes
    }

    /// What is known of these objects; `epoch` is the number of the current listing.
    pub fn get(&self, pack: u64, wanted: &Range<usize>, rescue: bool, epoch: u64) -> Option<Arc<Contents>> {
        let mut state = self.lock();
        let entries = state.entries.get_mut(&pack)?;
        let entry = entries.iter_mut().find(|entry| entry.contents.covers(wanted, rescue))?;
        entry.used = epoch;
        Some(Arc::clone(&entry.contents))
    }

    /// Keeps what was read, if there is room or if what was last used before `epoch` can make room.
    /// What the current statement has used stays: a scan larger than the cache would otherwise push
    /// out, pack by pack, just what its repetition needs first.
    pub fn put(&self, pack: u64, contents: &Arc<Contents>, epoch: u64) {
        let bytes = contents.memory_bytes();
        if bytes > self.budget_bytes {
            return;
        }
        let mut state = self.lock();
        let covered = |entry: &Entry| contents.covers(&entry.contents.range, entry.contents.has_rescued);
        state.remove_where(pack, covered);
        while state.used_bytes + bytes > self.budget_bytes {
            let oldest = state.entries.iter().flat_map(|(id, entries)| entries.iter().map(|entry| (entry.used, *id)));
            match oldest.min() {
                Some((used, id)) if used < epoch => state.remove_where(id, |entry| entry.used == used),
                _ => return,
            }
        }
        state.used_bytes += bytes;
        state.entries.entry(pack).or_default().push(Entry { contents: Arc::clone(contents), bytes, used: epoch });
    }

    /// Forgets a pack: its objects are not what they were.
    pub fn forget(&self, pack: u64) {
        self.lock().remove_where(pack, |_| true);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove_where(&mut self, pack: u64, is_removed: impl Fn(&Entry) -> bool) {
        let Some(entries) = self.entries.get_mut(&pack) else { return };
        let mut freed = 0;
        entries.retain(|entry| {
            let removed = is_removed(entry);
            freed += if removed { entry.bytes } else { 0 };
            !removed
        });
        if entries.is_empty() {
            self.entries.remove(&pack);
        }
        self.used_bytes -= freed;
    }
}

impl Contents {
    /// Whether the identities were compared after listing `epoch`.
    pub fn is_verified(&self, epoch: u64) -> bool {
        self.verified.load(Ordering::Acquire) >= epoch
    }

    /// Notes that they were.
    pub fn set_verified(&self, epoch: u64) {
        self.verified.fetch_max(epoch, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(range: Range<usize>) -> Arc<Contents> {
        let identities = vec![None; range.len()];
        Arc::new(Contents {
            range,
            decoded: Decoded::default(),
            identities,
            has_rescued: false,
            verified: AtomicU64::new(0),
        })
    }

    #[test]
    fn a_part_is_found_in_the_whole_but_not_the_whole_in_a_part() {
        let cache = Cache::new(1 << 20);
        cache.put(1, &contents(0..10), 0);
        assert!(cache.get(1, &(3..7), false, 0).is_some());
        assert!(cache.get(1, &(3..11), false, 0).is_none());
        assert!(cache.get(1, &(3..7), true, 0).is_none(), "_rescued was not computed");
        assert!(cache.get(2, &(3..7), false, 0).is_none());
    }

    #[test]
    fn a_scan_larger_than_the_cache_does_not_push_out_its_own_beginning() {
        let bytes = contents(0..10).memory_bytes();
        let cache = Cache::new(bytes * 2);
        for pack in 0..5 {
            cache.put(pack, &contents(0..10), 1);
        }
        let kept = |epoch| (0..5).filter(|pack| cache.get(*pack, &(0..10), false, epoch).is_some()).collect::<Vec<_>>();
        assert_eq!(kept(1), [0, 1]);
        cache.put(7, &contents(0..10), 2);
        assert_eq!(cache.used_bytes(), bytes * 2, "what an earlier statement used makes room");
        assert!(cache.get(7, &(0..10), false, 2).is_some());
        cache.forget(7);
        assert_eq!(cache.used_bytes(), bytes);
    }

    #[test]
    fn the_whole_replaces_its_parts() {
        let cache = Cache::new(1 << 20);
        cache.put(1, &contents(0..2), 0);
        cache.put(1, &contents(4..5), 0);
        cache.put(1, &contents(0..10), 0);
        assert_eq!(cache.used_bytes(), contents(0..10).memory_bytes());
    }
}
