//! Packs: runs of objects that are read together. The unit of the scan, of the cache and of the wire.
//!
//! One file of DataFusion's scan is one pack, not one object: a scan node for each of a million
//! objects would cost more than reading them. A pack never changes once it is made; when a later
//! listing finds more objects, they make packs of their own, and what was decoded stays decoded.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::storage::{Bucket, Identity};

use super::cache::Contents;
use super::listing::{LeftAlone, Listing, Shard};

/// The most objects in a pack: enough to make batches worth their overhead, few enough to spread
/// over the cores and to cancel between.
const OBJECTS_MAX: usize = 4096;

/// How large the bodies of a pack should be together, in bytes.
const PACK_BYTES_TARGET: u64 = 4 << 20;

/// How many objects of a shard are looked at for their typical size.
const SIZE_SAMPLES: usize = 8;

/// A run of objects of one shard.
#[derive(Debug)]
pub struct Pack {
    /// Unlike that of any other pack of the process's source.
    pub id: u64,
    /// What the keys have in common.
    pub shard: Arc<Shard>,
    /// The first offset of each object, ascending.
    pub starts: Vec<i64>,
    /// Where the shard's next object after this pack starts.
    pub next_start: Option<i64>,
    /// Held while the pack is read, so that two scans of one statement do not both read it. In it
    /// is what was read last, as long as somebody still uses it.
    pub(super) reading: tokio::sync::Mutex<std::sync::Weak<Contents>>,
    /// After which listing the objects were read, and what each was then.
    versions: Mutex<(u64, Vec<Option<Identity>>)>,
}

impl Pack {
    /// Notes what the objects from place `first` on were when they were read after listing `epoch`.
    /// One run sees one version of each: the place of an object that was another one before comes back.
    pub(super) fn note_versions(&self, epoch: u64, first: usize, read: &[Option<Identity>]) -> Option<usize> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.0 != epoch {
            *versions = (epoch, vec![None; self.starts.len()]);
        }
        let known = versions.1[first..].iter_mut().zip(read).enumerate();
        for (place, (known, read)) in known {
            match (*known, *read) {
                (Some(before), Some(now)) if before != now => return Some(first + place),
                (None, now) => *known = now,
                _ => {}
            }
        }
        None
    }

    /// The places of the objects that may hold offsets within `wanted`.
    ///
    /// An object's records go up to where the next one starts; how far the shard's last object
    /// reaches is not known without reading it.
    pub fn overlapping(&self, wanted: &OffsetBounds) -> Range<usize> {
        let ends_before = |place: usize| {
            let end = self.starts.get(place + 1).copied().or(self.next_start);
            end.is_some_and(|end| end <= wanted.first)
        };
        let first = partition_point(self.starts.len(), ends_before);
        let end = self.starts.partition_point(|start| *start <= wanted.last);
        first..end.max(first)
    }
}

fn partition_point(len: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// The offsets, both ends included, that a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetBounds {
    /// The lowest.
    pub first: i64,
    /// The highest; below `first` there are none.
    pub last: i64,
}

impl OffsetBounds {
    /// Every offset.
    pub const ALL: Self = Self { first: i64::MIN, last: i64::MAX };

    /// The offsets in both.
    pub fn and(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }
}

/// The objects of a table at one moment, in packs.
#[derive(Debug)]
pub struct Snapshot {
    /// By topic, partition, directory and offset.
    pub packs: Vec<Arc<Pack>>,
    /// The topics that matched, with or without objects.
    pub topics: Vec<String>,
    /// What was not read.
    pub left_alone: LeftAlone,
}

impl Snapshot {
    /// Packs what was listed, keeping the packs of `previous` that still are.
    pub fn new(bucket: &dyn Bucket, listing: Listing, previous: Option<&Self>, ids: &AtomicU64) -> Self {
        let mut known: HashMap<&Shard, Vec<&Arc<Pack>>> = HashMap::new();
        for pack in previous.iter().flat_map(|snapshot| &snapshot.packs) {
            known.entry(&pack.shard).or_default().push(pack);
        }
        let mut packs = vec![];
        for (shard, starts) in listing.shards {
            let known = known.remove(&shard).unwrap_or_default();
            let shard = known.first().map_or_else(|| Arc::new(shard), |pack| Arc::clone(&pack.shard));
            packs.extend(pack_shard(bucket, &shard, &starts, &known, ids));
        }
        Self { packs, topics: listing.topics, left_alone: listing.left_alone }
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.packs.iter().map(|pack| pack.starts.len()).sum()
    }
}

/// The packs of one shard: the known ones whose objects are all still there, and the rest anew.
fn pack_shard(
    bucket: &dyn Bucket,
    shard: &Arc<Shard>,
    starts: &[i64],
    known: &[&Arc<Pack>],
    ids: &AtomicU64,
) -> Vec<Arc<Pack>> {
    let kept: Vec<_> = known.iter().filter(|pack| still_there(pack, starts)).map(|pack| Arc::clone(pack)).collect();
    let rest: Vec<i64> = if kept.is_empty() {
        starts.to_vec()
    } else {
        let covered: std::collections::HashSet<i64> = kept.iter().flat_map(|pack| &pack.starts).copied().collect();
        starts.iter().copied().filter(|start| !covered.contains(start)).collect()
    };
    let mut packs = kept;
    let per_pack = if rest.is_empty() { 1 } else { objects_per_pack(bucket, shard, &rest) };
    for chunk in rest.chunks(per_pack) {
        let last = chunk.last().copied().unwrap_or(i64::MAX);
        let next = starts.partition_point(|start| *start <= last);
        packs.push(Arc::new(Pack {
            id: ids.fetch_add(1, Ordering::Relaxed),
            shard: Arc::clone(shard),
            starts: chunk.to_vec(),
            next_start: starts.get(next).copied(),
            reading: tokio::sync::Mutex::default(),
            versions: Mutex::default(),
        }));
    }
    packs.sort_by_key(|pack| pack.starts.first().copied());
    packs
}

/// Whether all objects of the pack are still listed, and none now lies between them: one in between
/// would shift where an object's records end.
fn still_there(pack: &Pack, starts: &[i64]) -> bool {
    let Some(first) = pack.starts.first() else { return false };
    let from = starts.partition_point(|start| start < first);
    let is_same_run = starts.get(from..from + pack.starts.len()) == Some(pack.starts.as_slice());
    // A pack that ended the shard reads on without bound, which stays right when more follow.
    is_same_run && (pack.next_start.is_none() || starts.get(from + pack.starts.len()).copied() == pack.next_start)
}

/// How many objects of this shard make a pack of the target size, judged by a few of them.
fn objects_per_pack(bucket: &dyn Bucket, shard: &Shard, starts: &[i64]) -> usize {
    let Ok(mut directory) = bucket.open(&shard.directory) else { return OBJECTS_MAX };
    let step = starts.len().div_ceil(SIZE_SAMPLES).max(1);
    let mut largest = 1;
    for start in starts.iter().step_by(step) {
        let mut name = String::new();
        shard.render_name(*start, &mut name);
        largest = largest.max(directory.identity(&name).map_or(1, |identity| identity.size_bytes));
    }
    usize::try_from(PACK_BYTES_TARGET / largest).unwrap_or(OBJECTS_MAX).clamp(1, OBJECTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SampleBucket;
    use crate::topic::key::Encoding;

    fn listing(starts: &[i64]) -> Listing {
        let shard = Shard {
            topic: "t".to_owned(),
            partition: 0,
            directory: "t/partition=0".to_owned(),
            encoding: Encoding::Plain,
            pad: 10,
        };
        Listing { shards: [(shard, starts.to_vec())].into(), topics: vec!["t".to_owned()], ..Default::default() }
    }

    fn snapshot(starts: &[i64], previous: Option<&Snapshot>, ids: &AtomicU64) -> Snapshot {
        Snapshot::new(&SampleBucket, listing(starts), previous, ids)
    }

    fn shape(snapshot: &Snapshot) -> Vec<(u64, Vec<i64>)> {
        snapshot.packs.iter().map(|pack| (pack.id, pack.starts.clone())).collect()
    }

    #[test]
    fn new_objects_make_new_packs_and_leave_the_old_ones_alone() {
        let ids = AtomicU64::new(0);
        let first = snapshot(&[0, 1, 2], None, &ids);
        let second = snapshot(&[0, 1, 2, 3, 4], Some(&first), &ids);
        assert_eq!(shape(&second), [(0, vec![0, 1, 2]), (1, vec![3, 4])]);
        let third = snapshot(&[0, 1, 2, 3, 4], Some(&second), &ids);
        assert_eq!(shape(&third), shape(&second));
    }

    #[test]
    fn a_pack_that_lost_or_gained_an_object_in_its_middle_is_made_anew() {
        let ids = AtomicU64::new(0);
        let first = snapshot(&[0, 2, 4], None, &ids);
        assert_eq!(shape(&snapshot(&[0, 4], Some(&first), &ids)), [(1, vec![0, 4])]);
        assert_eq!(shape(&snapshot(&[0, 2, 3, 4], Some(&first), &ids)), [(2, vec![0, 2, 3, 4])]);
    }

    #[test]
    fn an_object_reaches_to_where_the_next_one_starts() {
        let pack = &snapshot(&[0, 7, 14], None, &AtomicU64::new(0)).packs[0];
        let places = |first, last| pack.overlapping(&OffsetBounds { first, last });
        assert_eq!(places(0, 6), 0..1);
        assert_eq!(places(6, 7), 0..2);
        assert_eq!(places(7, 7), 1..2);
        assert_eq!(places(10, i64::MAX), 1..3);
        assert_eq!(places(1000, i64::MAX), 2..3, "nobody knows where the last object ends");
        assert_eq!(places(-5, -1), 0..0);
        assert_eq!(places(9, 3).len(), 0);
    }
}
