//! `pinsql` on a terminal: statements as they are typed, each over the source as it is then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::script::Script;
use crate::session::Engine;

use super::run::{Target, run_statement};
use super::{Console, required_source};

const PROMPT: &str = "pinsql> ";
const PROMPT_MORE: &str = "   ...> ";

/// Reads and runs statements until the user leaves.
///
/// # Errors
/// A session that cannot be started; what goes wrong in it is said and ends nothing.
pub fn shell(config: &Config, runtime: &Runtime, console: &mut Console) -> Result<()> {
    required_source(config)?;
    let engine = runtime.block_on(Engine::new(config))?;
    let mut editor = DefaultEditor::new().map_err(|error| Error::Usage(format!("no terminal: {error}")))?;
    let history = history_path();
    if let Some(path) = &history {
        // Without a history, as on the first day, the shell begins with an empty one.
        let _ = editor.load_history(path);
    }
    console.say(format_args!("tables: {}\nend a statement with ; and leave with \\q", engine.tables().join(", ")));
    let mut pending = String::new();
    loop {
        match editor.readline(if pending.is_empty() { PROMPT } else { PROMPT_MORE }) {
            Ok(line) if pending.is_empty() && matches!(line.trim(), "\\q" | "quit" | "exit") => break,
            Ok(line) => {
                pending.push_str(&line);
                pending.push('\n');
                if pending.trim().is_empty() {
                    pending.clear();
                } else if pending.trim_end().ends_with(';') && !is_open(&pending) {
                    let text = std::mem::take(&mut pending);
                    if !text.starts_with(' ') {
                        let _ = editor.add_history_entry(text.trim_end());
                    }
                    run_text(&engine, config, runtime, console, text);
                }
            }
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(Error::Usage(format!("cannot read the terminal: {error}"))),
        }
    }
    if let Some(path) = &history {
        save_history(&mut editor, path);
    }
    Ok(())
}

/// Whether a quote or comment has begun that has not ended, so that the `;` at the end is part of it.
fn is_open(text: &str) -> bool {
    let parsed = Script::parse("<shell>", text);
    parsed.is_err_and(|error| error.to_string().to_lowercase().contains("unterminated"))
}

fn run_text(engine: &Engine, config: &Config, runtime: &Runtime, console: &mut Console, text: String) {
    let script = match Script::parse("<shell>", text) {
        Ok(script) => script,
        Err(error) => return console.say_error(&error),
    };
    for parsed in &script.statements {
        let started = Instant::now();
        engine.look_again();
        let within = script.within(parsed);
        let no_parameters = BTreeMap::new();
        let done = runtime.block_on(async {
            let mut target = Target::new(None, config, console)?;
            let statement = run_statement(engine, config, parsed, &no_parameters, &within, &mut target, console);
            tokio::select! {
                done = statement => done.map(Some),
                _ = tokio::signal::ctrl_c() => Ok(None),
            }
        });
        match done {
            Ok(Some(_)) => console.say(format_args!("{:.3} s", started.elapsed().as_secs_f64())),
            Ok(None) => return console.say("cancelled"),
            Err(error) => return console.say_error(&error),
        }
    }
}

/// The user's state directory, as XDG names it.
fn history_path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("pinsql/history"))
}

/// Keeps the history, for the user's eyes only. A shell that cannot keep it has still done its work.
fn save_history(editor: &mut DefaultEditor, path: &std::path::Path) {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(directory) = path.parent() {
        let _ = std::fs::create_dir_all(directory);
    }
    let _ = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let _ = editor.save_history(path);
}
