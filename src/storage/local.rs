//! A local directory as a bucket.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat, fstat, open, openat, statat};
use rustix::io::read;

use super::{BODY_BYTES_MAX, Bucket, Directory, DirectoryId, EntryKind, Identity};

/// Room for the names of one system call: about a thousand.
const LIST_BUFFER_BYTES: usize = 64 << 10;

/// The directory that holds the topics.
#[derive(Debug)]
pub struct LocalBucket {
    given: String,
    root: PathBuf,
}

impl LocalBucket {
    /// The bucket at `root`; `given` is how the user named it.
    pub fn new(given: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        Self { given: given.into(), root: root.into() }
    }

    fn open_directory(&self, path: &str) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { self.root.clone() } else { self.root.join(Path::new(path)) };
        Ok(open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }
}

impl Bucket for LocalBucket {
    fn name(&self) -> String {
        self.given.clone()
    }

    fn list(&self, path: &str, entry: &mut dyn FnMut(&str, EntryKind)) -> io::Result<DirectoryId> {
        let directory = self.open_directory(path)?;
        let stat = fstat(&directory)?;
        let mut buffer = Vec::with_capacity(LIST_BUFFER_BYTES);
        let mut names = RawDir::new(&directory, buffer.spare_capacity_mut());
        while let Some(name) = names.next() {
            let name = name?;
            let (file_name, file_type) = (name.file_name(), name.file_type());
            if matches!(file_name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match file_type {
                // Some file systems do not say; and what a link leads to is what counts.
                FileType::Unknown | FileType::Symlink => match statat(&directory, file_name, AtFlags::empty()) {
                    Ok(stat) => kind_of(FileType::from_raw_mode(stat.st_mode)),
                    Err(_) => EntryKind::Other,
                },
                known => kind_of(known),
            };
            match file_name.to_str() {
                Ok(file_name) => entry(file_name, kind),
                Err(_) => entry(&file_name.to_string_lossy(), EntryKind::Other),
            }
        }
        Ok(Some((stat.st_dev, stat.st_ino)))
    }

    fn open<'b>(&'b self, path: &str) -> io::Result<Box<dyn Directory + 'b>> {
        Ok(Box::new(LocalDirectory { directory: self.open_directory(path)? }))
    }
}

fn kind_of(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::RegularFile => EntryKind::Object,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Other,
    }
}

struct LocalDirectory {
    directory: OwnedFd,
}

impl Directory for LocalDirectory {
    fn read(&mut self, name: &str, body: &mut Vec<u8>) -> io::Result<Identity> {
        // Not blocking: a pipe that has taken the object's name must not hang the scan.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(&self.directory, name, flags, Mode::empty())?;
        let identity = identity_of(&fstat(&file)?)?;
        if identity.size_bytes > BODY_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let size = usize::try_from(identity.size_bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // One byte more than there should be: a read that comes back short has met the end, which
        // saves the read that would say so.
        body.try_reserve_exact(size + 1).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let start = body.len();
        while body.len() - start <= size && read(&file, spare_capacity(body))? > 0 {
            if body.len() - start == size {
                return Ok(identity);
            }
        }
        if body.len() - start == size { Ok(identity) } else { Err(io::ErrorKind::ResourceBusy.into()) }
    }

    fn identity(&mut self, name: &str) -> io::Result<Identity> {
        identity_of(&statat(&self.directory, name, AtFlags::empty())?)
    }
}

fn identity_of(stat: &Stat) -> io::Result<Identity> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let modified_ns = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
    Ok(Identity { size_bytes: u64::try_from(stat.st_size).unwrap_or(0), modified_ns })
}
