//! What can go wrong, what the user reads of it, and the exit code that goes with it.

use std::fmt;
use std::io;

use datafusion::common::{Column, DataFusionError, SchemaError, Span};
use thiserror::Error;

use crate::storage::SourceError;

/// A result of pinsql.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong; each kind has its exit code.
#[derive(Debug, Error)]
pub enum Error {
    /// SQL that is wrong or that failed while it ran.
    #[error("{0}")]
    Sql(SqlError),
    /// A command line or configuration that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A source that cannot be read.
    #[error("{0}")]
    Source(String),
    /// More rejects than allowed.
    #[error("{0}")]
    TooManyRejects(String),
    /// `--timeout` has passed.
    #[error("{0}")]
    Timeout(String),
    /// Results that could not be written.
    #[error("cannot write {path}: {source}")]
    Output {
        /// The file, or standard output.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The exit code of the process that ends by this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Sql(_) | Self::Output { .. } => 1,
            Self::Usage(_) => 2,
            Self::Source(_) => 3,
            Self::TooManyRejects(_) => 4,
            Self::Timeout(_) => 124,
        }
    }

    /// Whether this is only the reader of our output who has gone.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// An error in SQL, with its place where that is known.
#[derive(Debug)]
pub struct SqlError {
    message: String,
    place: Option<Place>,
    hint: Option<String>,
}

/// A place in a script.
#[derive(Debug)]
pub struct Place {
    /// The file, or what stands for it.
    pub origin: String,
    /// From 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
    /// How many characters are meant, at least one.
    pub width: u64,
    /// The text of the line.
    pub text: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => {
                let Place { origin, line, column, width, text } = place;
                writeln!(f, "{origin}:{line}:{column}: {}", self.message)?;
                let number = line.to_string();
                let margin = " ".repeat(number.len());
                // The caret has to stand below its character, tabs and all.
                let before: String = text
                    .chars()
                    .take(usize::try_from(column.saturating_sub(1)).unwrap_or(0))
                    .map(|character| if character == '\t' { '\t' } else { ' ' })
                    .collect();
                let left = text.chars().count() - before.chars().count();
                let width = usize::try_from(*width).unwrap_or(1).clamp(1, left.max(1));
                write!(f, " {number} | {text}\n {margin} | {before}{}", "^".repeat(width))?;
            }
            None => f.write_str(&self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

/// Where a piece of SQL came from, for showing places in it.
pub trait Located {
    /// The place of `span`; nothing for one that is not in this text.
    fn place(&self, span: Span) -> Option<Place>;
    /// The place of the whole piece, where nothing nearer is known.
    fn start(&self) -> Option<Place>;
    /// Where a name stands, if it stands there once: for errors that come without their place.
    fn find_word(&self, name: &str) -> Option<Place>;
}

/// What DataFusion says, as an error of ours: its kind, its place, and what was probably meant.
///
/// `tables` are the names of the tables there are.
pub fn from_datafusion(error: &DataFusionError, within: &dyn Located, tables: &[String]) -> Error {
    if let Some(error) = find_source_error(error) {
        return Error::Source(error.to_string());
    }
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let root = error.find_root();
    let (message, hint) = match root {
        DataFusionError::SQL(parser, _) => {
            let message = parser.to_string();
            let message = message.strip_prefix("sql parser error: ").unwrap_or(&message);
            return syntax_error(message, within);
        }
        DataFusionError::SchemaError(schema_error, _) => schema_message(schema_error),
        DataFusionError::ResourcesExhausted(message) => (
            format!("out of memory: {}", last_line(message).trim_start_matches("Error: ")),
            Some("raise --memory, lower --threads, or select fewer columns and rows".to_owned()),
        ),
        other => plan_message(other, tables),
    };
    let notes = error.diagnostic().into_iter().flat_map(|diagnostic| {
        let notes = diagnostic.notes.iter().map(|note| note.message.clone());
        notes.chain(diagnostic.helps.iter().map(|help| help.message.clone())).collect::<Vec<_>>()
    });
    let hint = hint.or_else(|| {
        if message.contains("Did you mean") {
            return None;
        }
        let notes: Vec<_> = notes.map(|note| note.replace("Possible function ", "did you mean ")).collect();
        (!notes.is_empty()).then(|| notes.join("\n"))
    });
    let place = span.and_then(|span| within.place(span)).or_else(|| match root {
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, .. } => within.find_word(&field.name),
            _ => None,
        },
        _ => None,
    });
    let place = place.or_else(|| within.start());
    Error::Sql(SqlError { message, place, hint })
}

/// An error of ours at a place in SQL.
pub fn at_place(message: impl Into<String>, place: Option<Place>, hint: Option<String>) -> Error {
    Error::Sql(SqlError { message: message.into(), place, hint })
}

/// What the parser says; it knows the place only as text behind its message.
pub fn syntax_error(message: &str, within: &dyn Located) -> Error {
    let message = message.trim_start_matches("ParserError(\"").trim_end_matches("\")");
    let (what, place) = match message.rsplit_once(" at Line: ") {
        Some((what, place)) => (what, parse_place(place)),
        None => (message, None),
    };
    let place = place.and_then(|span| within.place(span)).or_else(|| within.start());
    Error::Sql(SqlError { message: format!("syntax error: {what}"), place, hint: None })
}

/// `3, Column: 8` as a span of one character.
fn parse_place(text: &str) -> Option<Span> {
    let (line, column) = text.split_once(", Column: ")?;
    let column = column.trim_end_matches(|character: char| !character.is_ascii_digit());
    let start = datafusion::common::Location { line: line.parse().ok()?, column: column.parse().ok()? };
    Some(Span::new(start, start))
}

fn find_source_error(error: &DataFusionError) -> Option<&SourceError> {
    let mut current: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<SourceError>() {
            return Some(found);
        }
        current = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            _ => error.source(),
        };
    }
    None
}

fn schema_message(error: &SchemaError) -> (String, Option<String>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let hidden = crate::topic::columns::METADATA.iter().map(|name| (*name).to_owned());
            let names: Vec<_> = valid_fields.iter().map(|field| field.name.clone()).chain(hidden).collect();
            let hint = did_you_mean(&field.name, names.iter().map(String::as_str));
            let hint = hint.map(|hint| hint.trim_start_matches("; ").to_owned());
            (format!("there is no column '{}'", shown_column(field)), hint.or_else(|| columns_hint(valid_fields)))
        }
        SchemaError::AmbiguousReference { field } => (
            format!("column '{}' is ambiguous", field.name),
            Some(format!("more than one table here has it: write <table>.{}", field.name)),
        ),
        other => (other.to_string(), None),
    }
}

fn columns_hint(columns: &[Column]) -> Option<String> {
    const COLUMNS_SHOWN: usize = 20;
    let mut names: Vec<_> = columns.iter().map(|column| column.name.as_str()).take(COLUMNS_SHOWN).collect();
    if columns.len() > COLUMNS_SHOWN {
        names.push("…");
    }
    (!names.is_empty()).then(|| format!("there are {}", names.join(", ")))
}

fn shown_column(column: &Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}

/// The message of any other error, without DataFusion's wrapping.
fn plan_message(error: &DataFusionError, tables: &[String]) -> (String, Option<String>) {
    let whole = error.strip_backtrace();
    // What the engine takes for its own fault is mostly a type that a function does not take.
    let whole = whole.split("\nThis issue was likely caused by a bug").next().unwrap_or(&whole).trim_end_matches(".");
    const PREFIXES: [&str; 5] =
        ["Error during planning: ", "Execution error: ", "Arrow error: ", "External error: ", "Internal error: "];
    let mut message = whole;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| message.strip_prefix(prefix)) {
        message = rest;
    }
    let message = message.to_owned();
    if let Some((name, nearest)) = missing_function(&message) {
        let hint = did_you_mean(name, [nearest]).map(|hint| hint.trim_start_matches("; ").to_owned());
        return (
            format!("there is no function '{name}'"),
            hint.or_else(|| Some("SHOW FUNCTIONS lists them".to_owned())),
        );
    }
    let missing = message.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found"));
    match missing {
        Some(missing) => {
            let name = missing.rsplit('.').next().unwrap_or(missing);
            let hint = did_you_mean(name, tables.iter().map(String::as_str));
            let hint = hint.map(|hint| hint.trim_start_matches("; ").to_owned());
            let hint = hint.or_else(|| (!tables.is_empty()).then(|| format!("there are {}", tables.join(", "))));
            (format!("there is no table '{name}'"), hint)
        }
        None => (message, None),
    }
}

/// The name of a function that there is not, and the engine's idea of the nearest one.
fn missing_function(message: &str) -> Option<(&str, &str)> {
    let (name, rest) = message.strip_prefix("Invalid function '")?.split_once('\'')?;
    let nearest = rest.split_once("Did you mean '").and_then(|(_, rest)| rest.split_once('\''));
    Some((name, nearest.map_or("", |(nearest, _)| nearest)))
}

/// The engine's message lists who holds memory; its last line says what was asked for in vain.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// `; did you mean 'x'?` for the name nearest to `name`, if one is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(name.chars().count()) / 4);
    near.min().map(|(_, nearest)| format!("; did you mean '{nearest}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_or_none() {
        let names = ["category", "country", "pins"];
        assert_eq!(did_you_mean("catgory", names).as_deref(), Some("; did you mean 'category'?"));
        assert_eq!(did_you_mean("PIN", names).as_deref(), Some("; did you mean 'pins'?"));
        assert_eq!(did_you_mean("xyz", names), None);
    }

    #[test]
    fn the_caret_stands_below_its_character() {
        let place = Place { origin: "q.sql".into(), line: 12, column: 9, width: 4, text: "\tselect näme".into() };
        let error = SqlError { message: "what".into(), place: Some(place), hint: Some("do this".into()) };
        assert_eq!(error.to_string(), "q.sql:12:9: what\n 12 | \tselect näme\n    | \t       ^^^^\ndo this");
    }
}
