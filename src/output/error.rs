//! Why a result could not be written: the writer's failures apart from the values', since a closed
//! pipe is no failure.

use std::io;

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// What a [`Sink`](super::Sink) answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The writer failed, in whichever format.
    #[error("cannot write the result: {0}")]
    Io(#[source] io::Error),
    /// A value or a type has no form in the format.
    #[error("cannot render the result: {0}")]
    Render(#[source] ArrowError),
    /// A value or a type has no form in Parquet.
    #[error("cannot render the result as parquet: {0}")]
    Parquet(#[source] ParquetError),
    /// A Parquet file describes columns, and there are none.
    #[error("a parquet file needs at least one column, and this statement has no result")]
    ParquetWithoutColumns,
}

impl Error {
    /// Whether the reader went away, as `head` does: then the output ends quietly and the command
    /// succeeded.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            error => Self::Render(error),
        }
    }
}

/// The Parquet writer boxes both the writer's errors and Arrow's.
impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        let source = match error {
            ParquetError::External(source) => source,
            error => return Self::Parquet(error),
        };
        let source = match source.downcast::<io::Error>() {
            Ok(error) => return Self::Io(*error),
            Err(source) => source,
        };
        match source.downcast::<ArrowError>() {
            Ok(error) => Self::from(*error),
            Err(source) => Self::Parquet(ParquetError::External(source)),
        }
    }
}
