//! Which objects there are: a topic's directories → the offsets in each.
//!
//! A listing keeps eight bytes an object. The rest of every key follows from its directory and the
//! connector's naming, so a key is rendered again when it is needed. Names that are not the
//! connector's are left alone and counted.

use std::collections::{BTreeMap, HashSet};

use crate::storage::{Bucket, EntryKind, SourceError};

use super::key::{Encoding, Name, ValueName, render};

/// How deep an encoded partition may nest: TimeBased with minutes and fields beside it stays below.
const PARTITION_DEPTH_MAX: usize = 16;

/// Objects whose keys differ in nothing but the offset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard {
    /// The Kafka topic.
    pub topic: String,
    /// The Kafka partition.
    pub partition: i32,
    /// The directory, below the source.
    pub directory: String,
    /// How the bodies are encoded.
    pub encoding: Encoding,
    /// The padding of the offsets.
    pub pad: u8,
}

impl Shard {
    /// Appends the name, in its directory, of the object that starts at `offset`.
    pub fn render_name(&self, offset: i64, into: &mut String) {
        let Self { topic, partition, pad, encoding, .. } = self;
        render(into, &ValueName { topic, partition: *partition, offset, pad: *pad, encoding: *encoding });
    }

    /// The key, below the source, of the object that starts at `offset`.
    pub fn key(&self, offset: i64) -> String {
        let mut key = format!("{}/", self.directory);
        self.render_name(offset, &mut key);
        key
    }
}

/// What a listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each shard with the first offsets of its objects, ascending.
    pub shards: BTreeMap<Shard, Vec<i64>>,
    /// The topics that matched, with or without objects.
    pub topics: Vec<String>,
    /// What was left alone.
    pub left_alone: LeftAlone,
}

/// Names that are no values to read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// Keys and headers objects.
    pub sidecars: u64,
    /// Objects below a `tombstone` directory.
    pub tombstones: u64,
    /// Values in a format that is not read, by extension.
    pub other_formats: BTreeMap<String, u64>,
    /// Everything else.
    pub foreign: u64,
}

/// Lists the objects of all topics whose name `pattern` matches.
///
/// # Errors
/// The source or a directory in it that cannot be read; that no topic matches.
pub fn list(bucket: &dyn Bucket, table: &str, pattern: &str) -> Result<Listing, SourceError> {
    let mut listing = Listing::default();
    let mut other_topics = vec![];
    visit(bucket, "", &mut |name, kind| {
        if kind == EntryKind::Directory {
            let topics = if matches(pattern, name) { &mut listing.topics } else { &mut other_topics };
            topics.push(name.to_owned());
        }
    })?;
    listing.topics.sort_unstable();
    if listing.topics.is_empty() {
        return Err(no_topic(bucket, table, pattern, other_topics));
    }
    for topic in listing.topics.clone() {
        let walk = Walk { bucket, topic: &topic, seen: HashSet::new() };
        walk.run(&mut listing)?;
    }
    for offsets in listing.shards.values_mut() {
        offsets.sort_unstable();
        offsets.dedup();
    }
    Ok(listing)
}

fn visit(
    bucket: &dyn Bucket,
    path: &str,
    entry: &mut dyn FnMut(&str, EntryKind),
) -> Result<Option<(u64, u64)>, SourceError> {
    bucket.list(path, entry).map_err(|source| {
        let path = if path.is_empty() { bucket.name() } else { path.to_owned() };
        SourceError::Io { path, source }
    })
}

fn no_topic(bucket: &dyn Bucket, table: &str, pattern: &str, mut others: Vec<String>) -> SourceError {
    const TOPICS_SHOWN: usize = 6;
    others.sort_unstable();
    let more = if others.len() > TOPICS_SHOWN { ", …" } else { "" };
    others.truncate(TOPICS_SHOWN);
    let found = if others.is_empty() {
        "there is no topic at all (give the directory or bucket that holds topics/)".to_owned()
    } else {
        format!("there are {}{more}", others.join(", "))
    };
    SourceError::NoTopic { table: table.to_owned(), pattern: pattern.to_owned(), source_name: bucket.name(), found }
}

/// The walk through one topic's directories.
struct Walk<'a> {
    bucket: &'a dyn Bucket,
    topic: &'a str,
    /// Directories already listed: links may lead in circles, and no object counts twice.
    seen: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    fn run(mut self, listing: &mut Listing) -> Result<(), SourceError> {
        let mut pending = vec![(self.topic.to_owned(), 0)];
        while let Some((directory, depth)) = pending.pop() {
            for below in self.directory(&directory, listing)? {
                if depth < PARTITION_DEPTH_MAX {
                    pending.push((format!("{directory}/{below}"), depth + 1));
                } else {
                    listing.left_alone.foreign += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes in the objects of one directory; returns the directories in it.
    fn directory(&mut self, directory: &str, listing: &mut Listing) -> Result<Vec<String>, SourceError> {
        // It stands where the encoded partition would.
        let is_tombstone = directory.split('/').nth(1) == Some("tombstone");
        let mut below = vec![];
        let mut found: BTreeMap<(i32, Encoding, u8), Vec<i64>> = BTreeMap::new();
        let mut left_alone = LeftAlone::default();
        let id = visit(self.bucket, directory, &mut |name, kind| match kind {
            EntryKind::Directory => below.push(name.to_owned()),
            EntryKind::Other => left_alone.foreign += 1,
            EntryKind::Object if is_tombstone => left_alone.tombstones += 1,
            EntryKind::Object => match Name::parse(name) {
                Name::Value(value) if value.topic == self.topic => {
                    found.entry((value.partition, value.encoding, value.pad)).or_default().push(value.offset);
                }
                Name::Sidecar => left_alone.sidecars += 1,
                Name::OtherFormat(extension) => {
                    *left_alone.other_formats.entry(extension.to_owned()).or_default() += 1;
                }
                Name::Value(_) | Name::Foreign => left_alone.foreign += 1,
            },
        })?;
        if id.is_some_and(|id| !self.seen.insert(id)) {
            return Ok(vec![]);
        }
        listing.left_alone.add(left_alone);
        for ((partition, encoding, pad), mut offsets) in found {
            let shard =
                Shard { topic: self.topic.to_owned(), partition, directory: directory.to_owned(), encoding, pad };
            listing.shards.entry(shard).or_default().append(&mut offsets);
        }
        Ok(below)
    }
}

impl LeftAlone {
    fn add(&mut self, other: Self) {
        self.sidecars += other.sidecars;
        self.tombstones += other.tombstones;
        self.foreign += other.foreign;
        for (extension, count) in other.other_formats {
            *self.other_formats.entry(extension).or_default() += count;
        }
    }
}

/// Whether the whole `name` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at_pattern, mut at_name) = (0, 0);
    // Where to go on after a mismatch: the last star, and the character it should swallow next.
    let mut retry = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                at_pattern += 1;
                retry = Some((at_pattern, at_name));
            }
            Some(character) if *character == '?' || *character == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match retry {
                Some((after_star, swallowed)) => {
                    at_pattern = after_star;
                    at_name = swallowed + 1;
                    retry = Some((after_star, swallowed + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|character| *character == '*')
}
