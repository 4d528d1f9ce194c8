//! What the user can have done: a module each.

pub mod check;
pub mod config;
pub mod run;
pub mod shell;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{Config, SourceConfig};
use crate::error::{Error, Result};

/// What is needed to talk to the user, handed down from the edge of the program.
pub struct Console {
    /// Results.
    pub out: Box<dyn std::io::Write + Send>,
    /// Errors, notices and progress.
    pub err: Box<dyn std::io::Write + Send>,
    /// The columns of the terminal that results go to; nothing if they go elsewhere.
    pub width: Option<u16>,
    /// What has to go when the program is ended in the middle.
    pub unfinished: Unfinished,
}

/// The temporary file of an output that has not been published.
#[derive(Debug, Clone, Default)]
pub struct Unfinished(Arc<Mutex<Option<PathBuf>>>);

impl Unfinished {
    fn remember(&self, path: &Path) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_owned());
    }

    /// Removes it. There may be none, or none any more.
    pub fn remove(&self) {
        if let Some(path) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Console {
    /// Says something on standard error. A standard error that is closed is nobody to complain to.
    pub fn say(&mut self, message: impl std::fmt::Display) {
        let _ = writeln!(self.err, "{message}");
        let _ = self.err.flush();
    }

    /// Says an error, as every error is said.
    pub fn say_error(&mut self, error: &Error) {
        self.say(format_args!("pinsql: {error}"));
    }
}

/// The source, or what to give.
fn required_source(config: &Config) -> Result<&SourceConfig> {
    config.source.as_ref().ok_or_else(|| {
        Error::Usage(
            "there is no source: give --source DIR, the directory that holds topics/, or --sample for the small \
             bucket in the binary"
                .to_owned(),
        )
    })
}
