//! `-c` and `-f`: scripts, one after another, as one run over one snapshot of the source.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::args::Piece;
use crate::catalog::SqlFiles;
use crate::config::Config;
use crate::error::{Error, Located, Result};
use crate::output::{Finished, Style};
use crate::query::{AnswerOptions, account, answer};
use crate::script::{Bound, Parsed, Script, bind};
use crate::session::Engine;

use super::{Console, required_source};

/// What to run and how.
#[derive(Debug)]
pub struct Run {
    /// The SQL, in order.
    pub pieces: Vec<Piece>,
    /// `-v`, as they were typed.
    pub variables: Vec<String>,
    /// Whether an error ends the run.
    pub keep_going: bool,
    /// The file that gets the results.
    pub output: Option<PathBuf>,
}

/// Runs everything; returns the exit code, which with `keep_going` is that of the last error said.
///
/// # Errors
/// The first error, which ended the run.
pub async fn run(config: &Config, run: Run, console: &mut Console) -> Result<u8> {
    required_source(config)?;
    let files = SqlFiles::new(config.sql_dir.as_deref());
    let scripts = run.pieces.iter().map(|piece| load(piece, &files)).collect::<Result<Vec<_>>>()?;
    let parameters = bind(&scripts, &run.variables)?;
    let mut target = Target::new(run.output.as_deref(), config, console)?;
    let engine = Engine::new(config).await?;
    engine.take_snapshot(scripts.iter().flat_map(|script| &script.statements)).await;
    let mut code = 0;
    for (script, parameters) in scripts.iter().zip(&parameters) {
        for parsed in &script.statements {
            let within = script.within(parsed);
            let done = run_statement(&engine, config, parsed, parameters, &within, &mut target, console).await;
            match done {
                Err(error) if error.is_closed_pipe() && code != 0 => return Ok(code),
                Err(error) if run.keep_going && !error.is_closed_pipe() => {
                    console.say_error(&error);
                    code = error.exit_code();
                }
                done => drop(done?),
            }
        }
    }
    if code == 0 {
        target.publish()?;
    }
    Ok(code)
}

fn load(piece: &Piece, files: &SqlFiles<'_>) -> Result<Script> {
    match piece {
        Piece::Command(sql) => Script::parse("-c", sql.as_str()),
        Piece::File(name) if name == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Error::Usage(format!("cannot read standard input: {error}")))?;
            Script::parse("<stdin>", text)
        }
        Piece::File(name) => {
            let file = files.find(name)?;
            Script::parse(file.origin, file.text)
        }
    }
}

/// Runs one statement and writes its result to `target`.
pub(super) async fn run_statement(
    engine: &Engine,
    config: &Config,
    parsed: &Parsed,
    parameters: &BTreeMap<String, Bound>,
    within: &dyn Located,
    target: &mut Target,
    console: &mut Console,
) -> Result<Option<Finished>> {
    let plan = engine.plan(parsed, parameters, within).await?;
    if engine.apply(&plan, within).await? {
        // CREATE TABLE AS has read records too.
        say_all(account(engine, config.max_rejects)?, config, console);
        return Ok(None);
    }
    target.begin_result(config)?;
    let options = AnswerOptions {
        format: config.format,
        style: Style { null: config.null.clone(), width: target.width, escape_controls: target.width.is_some() },
        max_rejects: config.max_rejects,
    };
    let path = target.path.clone();
    let answered = answer(engine, plan, within, &options, target.writer(console)).await;
    let answered = answered.map_err(|error| match (error, path) {
        (Error::Output { source, .. }, Some(path)) => Error::Output { path: path.display().to_string(), source },
        (Error::Output { source, .. }, None) => Error::Output { path: "standard output".to_owned(), source },
        (error, _) => error,
    })?;
    say_all(answered.notices, config, console);
    Ok(Some(answered.finished))
}

fn say_all(notices: Vec<String>, config: &Config, console: &mut Console) {
    for notice in notices.into_iter().filter(|_| !config.quiet) {
        console.say(notice);
    }
}

/// Where results go: standard output, or a file that appears under its name only when all is well.
pub(super) struct Target {
    file: Option<OutputFile>,
    path: Option<PathBuf>,
    width: Option<u16>,
    results: usize,
}

impl Target {
    pub(super) fn new(path: Option<&Path>, config: &Config, console: &Console) -> Result<Self> {
        let Some(path) = path else {
            if config.format.is_binary() && console.width.is_some() {
                let problem = format!("{} is not for a terminal: give -o FILE", config.format);
                return Err(Error::Usage(problem));
            }
            return Ok(Self { file: None, path: None, width: console.width, results: 0 });
        };
        // A link stays a link: what it leads to is replaced.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file = OutputFile::new(path, console).map_err(|source| output_error(path, source))?;
        Ok(Self { file: Some(file), path: Some(path.to_owned()), width: None, results: 0 })
    }

    fn begin_result(&mut self, config: &Config) -> Result<()> {
        self.results += 1;
        if self.results > 1 && config.format.is_binary() {
            let problem = format!("a {} file holds one result, and there is a second one", config.format);
            return Err(Error::Usage(problem));
        }
        Ok(())
    }

    fn writer<'a>(&'a mut self, console: &'a mut Console) -> Box<dyn Write + Send + 'a> {
        match &mut self.file {
            Some(OutputFile::Temporary(file)) => Box::new(file.as_file_mut()),
            Some(OutputFile::Special(file)) => Box::new(file),
            None => Box::new(&mut console.out),
        }
    }

    /// Gives the file its name, once its bytes are on the disk.
    fn publish(self) -> Result<()> {
        if let (0, Some(path)) = (self.results, &self.path) {
            return Err(Error::Usage(format!("there is no result to write to {}", path.display())));
        }
        let (Some(OutputFile::Temporary(file)), Some(path)) = (self.file, self.path) else { return Ok(()) };
        file.as_file().sync_all().map_err(|source| output_error(&path, source))?;
        make_readable(&file).map_err(|source| output_error(&path, source))?;
        file.persist(&path).map_err(|error| output_error(&path, error.error))?;
        Ok(())
    }
}

/// A file that results are written to.
enum OutputFile {
    /// It gets its name when all is well.
    Temporary(NamedTempFile),
    /// A device or a pipe, which is written as it is: a regular file must not take its place.
    Special(File),
}

impl OutputFile {
    fn new(path: &Path, console: &Console) -> std::io::Result<Self> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(std::io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if !metadata.is_file() => {
                return Ok(Self::Special(File::options().write(true).open(path)?));
            }
            _ => {}
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The error would name the temporary file, which nobody knows.
        let file = NamedTempFile::new_in(directory).map_err(|error| std::io::Error::from(error.kind()))?;
        console.unfinished.remember(file.path());
        Ok(Self::Temporary(file))
    }
}

fn output_error(path: &Path, source: std::io::Error) -> Error {
    Error::Output { path: path.display().to_string(), source }
}

/// A temporary file is the user's alone; a result is as readable as any file that the user makes.
fn make_readable(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mask);
    let mode = 0o666 & !mask.bits();
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))
}
