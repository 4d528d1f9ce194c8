//! The names of the formats, in the one order that help, completion and errors show them in.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A table with a rule under its header, for reading.
    Table,
    /// Comma-separated values as in RFC 4180, with a header; NULL is empty, the empty text is `""`.
    Csv,
    /// Tab-separated values with a header and backslash escapes; NULL is `\N`.
    Tsv,
    /// One array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// A table as GitHub's Markdown has it.
    Markdown,
    /// A `<table>` element.
    Html,
    /// A block of `name | value` lines per row.
    Vertical,
    /// A Parquet file, compressed with zstd.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 10] = [
        Self::Table,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Ndjson,
        Self::Markdown,
        Self::Html,
        Self::Vertical,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Vertical => "vertical",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether the output is bytes rather than text, and so nothing for a terminal.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// A name that is no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: it is one of {names}", names = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(<Format as ValueEnum>::from_str(format.name(), false), Ok(format));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        assert_eq!(
            "xml".parse::<Format>().map_err(|error| error.to_string()),
            Err("unknown format `xml`: it is one of table, csv, tsv, json, ndjson, markdown, html, \
                 vertical, parquet, arrow"
                .to_owned())
        );
    }
}
