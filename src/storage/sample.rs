//! The sample bucket: `testdata/` as it was when the binary was built.

use std::io;

use include_dir::{Dir, DirEntry, include_dir};

use super::{Bucket, Directory, DirectoryId, EntryKind, Identity};

static SAMPLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/testdata/topics");

/// The bucket that `--sample` reads.
#[derive(Debug, Default)]
pub struct SampleBucket;

impl Bucket for SampleBucket {
    fn name(&self) -> String {
        "the sample".to_owned()
    }

    fn list(&self, path: &str, entry: &mut dyn FnMut(&str, EntryKind)) -> io::Result<DirectoryId> {
        for found in directory(path)?.entries() {
            let name = found.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let kind = match found {
                DirEntry::Dir(_) => EntryKind::Directory,
                DirEntry::File(_) => EntryKind::Object,
            };
            entry(name, kind);
        }
        Ok(None)
    }

    fn open<'b>(&'b self, path: &str) -> io::Result<Box<dyn Directory + 'b>> {
        Ok(Box::new(SampleDirectory { directory: directory(path)? }))
    }
}

fn directory(path: &str) -> io::Result<&'static Dir<'static>> {
    if path.is_empty() {
        return Ok(&SAMPLE);
    }
    SAMPLE.get_dir(path).ok_or_else(|| io::ErrorKind::NotFound.into())
}

struct SampleDirectory {
    directory: &'static Dir<'static>,
}

impl SampleDirectory {
    fn body(&self, name: &str) -> io::Result<&'static [u8]> {
        let file = self.directory.get_file(self.directory.path().join(name));
        file.map(include_dir::File::contents).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Directory for SampleDirectory {
    fn read(&mut self, name: &str, body: &mut Vec<u8>) -> io::Result<Identity> {
        body.extend_from_slice(self.body(name)?);
        self.identity(name)
    }

    /// The sample never changes; it is as old as time.
    fn identity(&mut self, name: &str) -> io::Result<Identity> {
        Ok(Identity { size_bytes: self.body(name)?.len() as u64, modified_ns: 0 })
    }
}
