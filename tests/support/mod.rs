//! What the tests share: a bucket laid out as the connector does, and the real binary.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// A bucket in a directory of its own.
pub struct Bucket {
    directory: TempDir,
}

impl Bucket {
    pub fn new() -> Self {
        let bucket = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bucket.path().join("topics")).unwrap();
        bucket
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes an object below `topics/`; `.gz` names are compressed.
    pub fn put(&self, key: &str, body: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join("topics").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if key.ends_with(".gz") {
            let mut encoder = GzEncoder::new(vec![], Compression::fast());
            encoder.write_all(body.as_ref()).unwrap();
            std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        } else {
            std::fs::write(&path, body).unwrap();
        }
        path
    }

    /// Writes an object of partition 0 of the topic `u.<kind>`, as `flush.size=1` names it.
    pub fn record(&self, kind: &str, offset: i64, body: impl AsRef<[u8]>) -> PathBuf {
        self.put(&format!("u.{kind}/partition=0/u.{kind}+0+{offset:010}.json"), body)
    }

    /// Makes a topic without objects.
    pub fn topic(&self, kind: &str) {
        std::fs::create_dir_all(self.path().join(format!("topics/u.{kind}/partition=0"))).unwrap();
    }

    /// pinsql over this bucket.
    pub fn pinsql(&self, args: &[&str]) -> Ran {
        let source = self.path().to_str().unwrap();
        pinsql(&[&["--source", source], args].concat())
    }

    /// The CSV that one statement gives, without its header.
    pub fn csv(&self, sql: &str) -> String {
        let ran = self.pinsql(&["--format", "csv", "-c", sql]);
        assert_eq!(ran.code, 0, "{sql}: {}", ran.err);
        ran.out.split_once('\n').map(|(_, rows)| rows.trim_end().to_owned()).unwrap()
    }
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, with nothing of the surroundings but a place to work.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinsql"));
    command.env_clear().env("HOME", directory).current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs the binary in a directory of its own.
pub fn pinsql(args: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    command(directory.path()).args(args).output().unwrap().into()
}

/// Runs the binary with something on its standard input.
pub fn pinsql_with_input(args: &[&str], input: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let mut child = command(directory.path())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that failed before it read its input has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// The project's own directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
