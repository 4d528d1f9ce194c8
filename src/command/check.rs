//! `pinsql check`: every statement planned, nothing read.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use datafusion::logical_expr::{DdlStatement, EmptyRelation, LogicalPlan};

use crate::catalog::SqlFiles;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::script::{Bound, Script};
use crate::session::Engine;

use super::Console;

/// Checks the files and prints one line for each error; returns the exit code.
///
/// # Errors
/// Tables or views that cannot be created, so that nothing could be checked.
pub async fn check(config: &Config, names: &[String], console: &mut Console) -> Result<u8> {
    let files = SqlFiles::new(config.sql_dir.as_deref());
    let mut errors = 0;
    for name in names {
        // What one file creates or sets is nothing to the next.
        let engine = Engine::new(config).await?;
        let script = files.find(name).and_then(|file| Script::parse(file.origin, file.text));
        let found = match &script {
            Ok(script) => check_script(&engine, script).await,
            Err(error) => vec![one_line(error)],
        };
        errors += found.len();
        for line in found {
            writeln!(console.out, "{line}")
                .map_err(|source| Error::Output { path: "standard output".to_owned(), source })?;
        }
    }
    Ok(u8::from(errors > 0))
}

async fn check_script(engine: &Engine, script: &Script) -> Vec<String> {
    let parameters = placeholders(script);
    let mut errors = vec![];
    for parsed in &script.statements {
        let within = script.within(parsed);
        let planned = engine.plan(parsed, &parameters, &within).await;
        let done = match planned {
            // What a script creates, its later statements may use. Nothing is read by it.
            Ok(plan) => engine.apply(&without_rows(plan), &within).await.map(|_| ()),
            Err(error) => Err(error),
        };
        errors.extend(done.err().map(|error| one_line(&error)));
    }
    errors
}

/// CREATE TABLE AS over no rows: the table is there for later statements, nothing is read for it.
fn without_rows(plan: LogicalPlan) -> LogicalPlan {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(mut table)) => {
            let schema = Arc::clone(table.input.schema());
            let empty = EmptyRelation { produce_one_row: false, schema };
            table.input = Arc::new(LogicalPlan::EmptyRelation(empty));
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table))
        }
        plan => plan,
    }
}

/// A value for every parameter, so that a statement can be planned whose values only its run knows.
fn placeholders(script: &Script) -> BTreeMap<String, Bound> {
    let declared = |name: &str| script.front.parameters.iter().find(|parameter| parameter.name == name);
    let names = script.statements.iter().flat_map(|parsed| &parsed.parameters);
    names
        .map(|name| {
            let type_name = declared(name).map_or("BIGINT", |parameter| &parameter.type_name).to_owned();
            let text = declared(name).and_then(|parameter| parameter.default.clone());
            let text = text.unwrap_or_else(|| match type_name.as_str() {
                "BOOLEAN" | "BOOL" => "true".to_owned(),
                "DATE" | "TIMESTAMP" => "2020-01-01".to_owned(),
                _ => "1".to_owned(),
            });
            (name.clone(), Bound { text, type_name })
        })
        .collect()
}

/// The message with its place, and the hint behind it; without the picture of the line.
fn one_line(error: &Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().to_owned();
    let picture = |line: &&str| line.starts_with(' ') && line.contains(" | ");
    lines.filter(|line| !picture(line)).fold(message, |message, hint| format!("{message}; {hint}"))
}
