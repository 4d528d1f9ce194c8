//! Where the objects lie: a local directory, or the sample bucket in the binary.
//!
//! A bucket is asked for two things only: the names in a directory, and the bodies of many objects
//! of one directory. Local files are read past `object_store`: an object costs three system calls
//! relative to its directory's handle, a sixth of what a path-based open, stat and read cost.

mod local;
mod sample;

use std::fmt;
use std::io;

use thiserror::Error;

pub use local::LocalBucket;
pub use sample::SampleBucket;

/// The largest body that is read, in bytes, before and after decompression.
pub const BODY_BYTES_MAX: u64 = 1 << 30;

/// Why the source could not be used; the exit code is 3.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A directory or object could not be read.
    #[error("cannot read {path}: {}", readable(source))]
    Io {
        /// The object or directory, below the source.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The object was another one when it had been read than when it was opened.
    #[error("{path} was changed in the middle of the run: run it again")]
    Changed {
        /// The object, below the source.
        path: String,
    },
    /// The source does not exist or is of a kind that is not read.
    #[error("{0}")]
    Unusable(String),
    /// No topic has a name that the table's pattern matches.
    #[error("no topic matches '{pattern}' of table {table} in {source_name}: {found}")]
    NoTopic {
        /// The table.
        table: String,
        /// Its LOCATION.
        pattern: String,
        /// The source, as the user gave it.
        source_name: String,
        /// What there is instead.
        found: String,
    },
}

/// What an error of the system means, in words that name the remedy where there is one.
fn readable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ if error.raw_os_error() == Some(24) => {
            "too many open files: raise the limit with `ulimit -n`, or lower --threads".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What identifies one version of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The object's size in bytes, as it is stored.
    pub size_bytes: u64,
    /// When it was last written, in nanoseconds since 1970 in UTC.
    pub modified_ns: i64,
}

/// A name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// An object.
    Object,
    /// A directory of the next level.
    Directory,
    /// Neither: a socket, a broken link, a name that is not UTF-8.
    Other,
}

/// A source of objects. Calls block: they are made from blocking tasks, many objects a task.
pub trait Bucket: fmt::Debug + Send + Sync {
    /// The source as the user gave it, for messages.
    fn name(&self) -> String;

    /// Hands each name in the directory at `path` (`/`-separated, below the source; empty for the
    /// source itself) to `entry`, in no order. A directory that is reached a second time by way of
    /// links is the caller's to notice, by the identity that is returned where there is one.
    fn list(&self, path: &str, entry: &mut dyn FnMut(&str, EntryKind)) -> io::Result<DirectoryId>;

    /// Opens the directory at `path` for reading objects in it.
    fn open<'b>(&'b self, path: &str) -> io::Result<Box<dyn Directory + 'b>>;
}

/// What tells one directory from another: device and inode, where there are such.
pub type DirectoryId = Option<(u64, u64)>;

/// A directory whose objects are read one after another.
pub trait Directory {
    /// Appends the whole body of the object to `body`, one version of it or an error; an object above
    /// [`BODY_BYTES_MAX`] is `FileTooLarge`.
    fn read(&mut self, name: &str, body: &mut Vec<u8>) -> io::Result<Identity>;

    /// The object's identity now.
    fn identity(&mut self, name: &str) -> io::Result<Identity>;
}

/// What stands for a source where none was given: statements can be planned, none can be read.
#[derive(Debug)]
pub struct NoBucket;

impl Bucket for NoBucket {
    fn name(&self) -> String {
        "no source".to_owned()
    }

    fn list(&self, _: &str, _: &mut dyn FnMut(&str, EntryKind)) -> io::Result<DirectoryId> {
        Err(io::Error::other("no source was given"))
    }

    fn open<'b>(&'b self, _: &str) -> io::Result<Box<dyn Directory + 'b>> {
        Err(io::Error::other("no source was given"))
    }
}
