//! Arguments → configuration → command → exit code. The only place that exits and prints errors.

use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use tokio::runtime::Runtime;

use pinsql::args::{Cli, Command, Piece};
use pinsql::command::{self, Console, Unfinished, run::Run};
use pinsql::config::{Config, Surroundings};
use pinsql::error::{Error, Result};

const EXIT_INTERRUPTED: u8 = 130;

/// Room for the deepest statement that is let in; it is memory only once it is used.
const STACK_BYTES: usize = 256 << 20;

fn main() -> ExitCode {
    // The main thread's own stack is small on some systems.
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        _ => ExitCode::FAILURE,
    }
}

fn run() -> ExitCode {
    let (cli, pieces) = match Cli::parse_from(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut console = console();
    let code = match dispatch(cli, pieces, &mut console) {
        Ok(code) => code,
        Err(error) if error.is_closed_pipe() => 0,
        Err(error) => {
            console.say_error(&error);
            error.exit_code()
        }
    };
    let code = match console.out.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe && code == 0 => {
            console.say(format_args!("pinsql: cannot write standard output: {error}"));
            1
        }
        _ => code,
    };
    // A query that was left in the middle may still be at work on other threads: nobody waits for it.
    std::process::exit(code.into())
}

fn console() -> Console {
    let width = std::io::stdout().is_terminal().then(|| {
        rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
    });
    const WIDTH_UNKNOWN: u16 = 80;
    Console {
        out: Box::new(BufWriter::new(std::io::stdout())),
        err: Box::new(std::io::stderr()),
        width: width.map(|columns| columns.unwrap_or(WIDTH_UNKNOWN)),
        unfinished: Unfinished::default(),
    }
}

fn dispatch(cli: Cli, mut pieces: Vec<Piece>, console: &mut Console) -> Result<u8> {
    match &cli.command {
        Some(Command::Completions { shell }) => {
            let mut script = vec![];
            clap_complete::generate(*shell, &mut Cli::command(), "pinsql", &mut script);
            return console.out.write_all(&script).map(|()| 0).map_err(stdout_error);
        }
        Some(Command::Man) => {
            let page = clap_mangen::Man::new(Cli::command()).render(&mut console.out);
            return page.map(|()| 0).map_err(stdout_error);
        }
        _ => {}
    }
    let config = Config::new(cli.settings.given(), &Surroundings::of_process())?;
    // Never dropped: that would wait for queries that were left in the middle.
    let runtime: &'static Runtime = Box::leak(Box::new(runtime(config.threads)?));
    match cli.command {
        Some(Command::Config) => command::config::show(&config, console).map(|()| 0),
        Some(Command::Check { files }) => runtime.block_on(command::check::check(&config, &files, console)),
        _ if pieces.is_empty() && std::io::stdin().is_terminal() => {
            command::shell::shell(&config, runtime, console).map(|()| 0)
        }
        _ => {
            if pieces.is_empty() {
                pieces.push(Piece::File("-".to_owned()));
            }
            let run = Run {
                pieces,
                variables: cli.run.variables,
                keep_going: cli.run.keep_going,
                output: cli.run.output.map(Into::into),
            };
            watch(config.timeout, console.unfinished.clone())?;
            runtime.block_on(command::run::run(&config, run, console))
        }
    }
}

fn stdout_error(source: std::io::Error) -> Error {
    Error::Output { path: "standard output".to_owned(), source }
}

fn runtime(threads: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Error::Usage(format!("cannot start {threads} threads: {error}")))
}

/// Ends the process when `--timeout` has passed or the user interrupts it. On a thread of its own: a
/// join that never yields, a pipe that nobody reads, an input that does not end must not hold it up.
fn watch(timeout: Option<Duration>, unfinished: Unfinished) -> Result<()> {
    let failed = |error: std::io::Error| Error::Usage(format!("cannot watch for interrupts: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let watcher = std::thread::Builder::new().name("watch".to_owned());
    let watcher = watcher.spawn(move || {
        let code = runtime.block_on(async {
            let deadline = async {
                match timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = deadline => {
                    let timeout = humantime::format_duration(timeout.unwrap_or_default());
                    let error = Error::Timeout(format!("no answer within {timeout} (--timeout)"));
                    let _ = writeln!(std::io::stderr(), "pinsql: {error}");
                    error.exit_code()
                }
                _ = tokio::signal::ctrl_c() => EXIT_INTERRUPTED,
            }
        });
        unfinished.remove();
        std::process::exit(code.into())
    });
    watcher.map(|_| ()).map_err(failed)
}
