//! What the user typed. No I/O and no defaults: what it means is settled in [`crate::config`].

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// SQL over the one-record JSON objects that Kafka Connect leaves in a bucket.
#[derive(Debug, Parser)]
#[command(name = "pinsql", version, about, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct Cli {
    /// What to do other than to run SQL.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The SQL to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings; each can also be given in the environment or in pinsql.toml.
    #[command(flatten)]
    pub settings: SettingArgs,
}

const EXAMPLES: &str = "\
Examples:
  pinsql --sample -f queries/top_category.sql
  pinsql --source /data/bucket -c 'SELECT count(*) FROM pin_raw'
  pinsql --source /data/bucket -f queries/top_category_by_year.sql -v from_year=2020
  pinsql --source /data/bucket -c 'SELECT * FROM pin_rejects' --format csv -o rejects.csv
  pinsql --source /data/bucket                       (the shell)

Exit codes: 0 done, 1 SQL or execution, 2 usage or configuration, 3 storage,
4 too many rejects, 124 --timeout, 130 interrupted.";

/// The SQL to run and how to go about it.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run this SQL; repeatable, in order with -f
    #[arg(short = 'c', long = "command", value_name = "SQL", allow_hyphen_values = true)]
    pub commands: Vec<String>,
    /// Run the SQL in this file (- is standard input); looked for as given, in --sql-dir, in the binary
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<String>,
    /// Give the parameter $NAME of the SQL a value
    #[arg(short = 'v', long = "var", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// After an error run the remaining statements, and fail all the same
    #[arg(long)]
    pub keep_going: bool,
    /// Write the result to this file, which changes only if all goes well
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<String>,
}

/// Commands beside running SQL.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plan every statement of the files without reading data; one line for each error
    #[command(after_help = "Example:\n  pinsql check queries/*.sql")]
    Check {
        /// The files; looked for as with -f
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Show every setting, its value and where it comes from
    #[command(after_help = "Example:\n  PINSQL_MEMORY=2GiB pinsql config")]
    Config,
    /// Print the completions for a shell
    #[command(after_help = "Example:\n  pinsql completions bash > ~/.local/share/bash-completion/completions/pinsql")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  pinsql man > ~/.local/share/man/man1/pinsql.1")]
    Man,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $field:ident: $value_name:literal),* $(,)?) => {
        /// Settings as they were typed: text, checked where it is known where it came from.
        #[derive(Debug, Default, Args)]
        pub struct SettingArgs {
            /// Read the small bucket in the binary instead of a source
            #[arg(long, global = true, conflicts_with = "source", help_heading = "Settings")]
            pub sample: bool,
            /// Read every object anew instead of keeping what was decoded
            #[arg(long, global = true, help_heading = "Settings")]
            pub no_cache: bool,
            /// No notices on standard error
            #[arg(short, long, global = true, help_heading = "Settings")]
            pub quiet: bool,
            $(
                $(#[doc = $doc])*
                #[arg(long, global = true, value_name = $value_name, help_heading = "Settings")]
                pub $field: Option<String>,
            )*
        }

        impl SettingArgs {
            /// The settings that were typed, by name.
            pub fn given(&self) -> Vec<(&'static str, String)> {
                let flags = [("sample", self.sample), ("no_cache", self.no_cache), ("quiet", self.quiet)];
                let flags = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name, "true".to_owned()));
                let values = [$((stringify!($field), self.$field.clone())),*];
                flags.chain(values.into_iter().filter_map(|(name, value)| Some((name, value?)))).collect()
            }
        }
    };
}

settings! {
    /// The directory that holds topics/ (or the topics themselves), as a path or file:// URL
    source: "URL",
    /// Directory whose tables/, views/ and queries/ replace or add to the ones in the binary
    sql_dir: "DIR",
    /// Which cleaning rules the views follow: strict or keep
    cleaning: "RULES",
    /// Memory for queries and cache together, such as 512MB or 4GiB
    memory: "SIZE",
    /// How many cores to use
    threads: "N",
    /// Give up after this time, such as 30s or 5m
    timeout: "TIME",
    /// Fail when more records than this are rejected: a number, or a share such as 1%
    max_rejects: "N|P%",
    /// How results are written: table, csv, tsv, json, ndjson, markdown, html, vertical, parquet, arrow
    format: "FORMAT",
    /// What stands for NULL in the formats that are text
    null: "TEXT",
}

/// One piece of SQL, in the order in which the pieces were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// `-c`
    Command(String),
    /// `-f`
    File(String),
}

impl Cli {
    /// Parses the command line.
    ///
    /// # Errors
    /// What clap says of it: help and version among it.
    pub fn parse_from<I: Into<std::ffi::OsString> + Clone>(
        args: impl IntoIterator<Item = I>,
    ) -> Result<(Self, Vec<Piece>), clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let cli = Self::from_arg_matches(&matches)?;
        let pieces = cli.run.pieces(&matches);
        Ok((cli, pieces))
    }
}

impl RunArgs {
    /// The pieces of SQL in the order in which they were typed, which clap knows by their places.
    fn pieces(&self, matches: &ArgMatches) -> Vec<Piece> {
        let places = |id: &str| matches.indices_of(id).into_iter().flatten().collect::<Vec<_>>();
        let commands = places("commands").into_iter().zip(self.commands.iter().cloned().map(Piece::Command));
        let files = places("files").into_iter().zip(self.files.iter().cloned().map(Piece::File));
        let mut pieces: Vec<_> = commands.chain(files).collect();
        pieces.sort_by_key(|(place, _)| *place);
        pieces.into_iter().map(|(_, piece)| piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn pieces_keep_the_order_of_the_command_line() {
        let line = ["pinsql", "-f", "a.sql", "-c", "SELECT 1", "--quiet", "-f", "b.sql", "-c", "SELECT 2"];
        let (cli, pieces) = Cli::parse_from(line).unwrap();
        let file = |name: &str| Piece::File(name.to_owned());
        let command = |sql: &str| Piece::Command(sql.to_owned());
        assert_eq!(pieces, [file("a.sql"), command("SELECT 1"), file("b.sql"), command("SELECT 2")]);
        assert_eq!(cli.settings.given(), [("quiet", "true".to_owned())]);
    }
}
