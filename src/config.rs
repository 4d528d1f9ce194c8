//! What will happen: flags > environment > pinsql.toml of the directory > of the user > defaults.
//!
//! Every setting is one row of [`SETTINGS`]; each value knows where it came from, so that an error
//! can name the place to change and `pinsql config` can show it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::output::Format;

/// A setting that can be given.
#[derive(Debug)]
pub struct SettingSpec {
    /// Its name in pinsql.toml; the flag has dashes, the variable is `PINSQL_` and capitals.
    pub name: &'static str,
    /// What holds when it is not given.
    pub default: &'static str,
}

/// All settings, in the order in which `pinsql config` shows them.
pub const SETTINGS: &[SettingSpec] = &[
    SettingSpec { name: "source", default: "" },
    SettingSpec { name: "sample", default: "false" },
    SettingSpec { name: "sql_dir", default: "" },
    SettingSpec { name: "cleaning", default: "strict" },
    SettingSpec { name: "memory", default: "60%" },
    SettingSpec { name: "threads", default: "" },
    SettingSpec { name: "timeout", default: "" },
    SettingSpec { name: "max_rejects", default: "" },
    SettingSpec { name: "format", default: "table" },
    SettingSpec { name: "null", default: "" },
    SettingSpec { name: "no_cache", default: "false" },
    SettingSpec { name: "quiet", default: "false" },
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave it.
    Default,
    /// A pinsql.toml.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Which rules the cleaned views follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleaning {
    /// Rows whose id or follower count is not valid are left out.
    Strict,
    /// They stay, an invalid follower count as NULL.
    Keep,
}

impl Cleaning {
    /// The name by which it is chosen, and of its directory below `views/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Keep => "keep",
        }
    }
}

/// How many rejects are too many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxRejects {
    /// More than this many.
    Count(u64),
    /// More than this share of the records, in percent.
    Percent(f64),
}

impl fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Where the objects lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceConfig {
    /// A local directory; with the text that named it.
    Local {
        /// As it was given.
        given: String,
        /// The path.
        path: PathBuf,
    },
    /// The sample in the binary.
    Sample,
}

/// How memory is shared out, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryShares {
    /// All of it.
    pub limit_bytes: usize,
    /// What sorts, joins and aggregates may hold before they spill.
    pub pool_bytes: usize,
    /// What decoded objects may hold.
    pub cache_bytes: usize,
}

/// Every setting, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the objects lie, if that was said.
    pub source: Option<SourceConfig>,
    /// The user's own SQL.
    pub sql_dir: Option<PathBuf>,
    /// The rule set of the views.
    pub cleaning: Cleaning,
    /// The shares of memory.
    pub memory: MemoryShares,
    /// The cores to use.
    pub threads: usize,
    /// When to give up.
    pub timeout: Option<Duration>,
    /// How many rejects are too many.
    pub max_rejects: Option<MaxRejects>,
    /// How results are written.
    pub format: Format,
    /// What stands for NULL; nothing where the format decides.
    pub null: Option<String>,
    /// Whether notices stay away.
    pub quiet: bool,
    /// Every setting as text, for `pinsql config`.
    pub shown: Vec<(&'static str, String, Origin)>,
}

/// What the process finds around it; a test brings its own.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// The current directory.
    pub directory: PathBuf,
    /// The user's configuration directory.
    pub user_config: Option<PathBuf>,
    /// The memory of the machine or of the control group, in bytes.
    pub memory_bytes: u64,
    /// The cores of the machine.
    pub cores: usize,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variables: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user_config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
        Self {
            directory: std::env::current_dir().unwrap_or_default(),
            user_config: user_config.map(|directory| directory.join("pinsql/pinsql.toml")),
            memory_bytes: memory_bytes(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            variables,
        }
    }
}

/// The memory that this process may use: the machine's, or its control group's if that is less.
fn memory_bytes() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(4 << 30, |kib| kib << 10);
    let group = read("/sys/fs/cgroup/memory.max").trim().parse().unwrap_or(u64::MAX);
    machine.min(group)
}

impl Config {
    /// Settles every setting.
    ///
    /// # Errors
    /// A value that cannot be, or a setting that does not exist, with where it was given.
    pub fn new(flags: Vec<(&'static str, String)>, around: &Surroundings) -> Result<Self> {
        let values = Values::gather(flags, around)?;
        const THREADS_MAX: usize = 256;
        let threads = values.parsed("threads", "a number of cores from 1 to 256", |text| {
            let is_possible = |threads: &usize| (1..=THREADS_MAX).contains(threads);
            if text.is_empty() { Some(around.cores.min(THREADS_MAX)) } else { text.parse().ok().filter(is_possible) }
        })?;
        let no_cache = values.boolean("no_cache")?;
        let memory = values.parsed("memory", "a size, such as 512MB, 4GiB or 50%", |text| {
            let bytes = size_bytes(text, around.memory_bytes)?;
            Some(MemoryShares::of(usize::try_from(bytes).ok()?, no_cache))
        })?;
        let config = Self {
            source: values.source()?,
            sql_dir: values.sql_dir(around)?,
            cleaning: values.parsed("cleaning", "strict or keep", |text| {
                [Cleaning::Strict, Cleaning::Keep].into_iter().find(|cleaning| cleaning.name() == text)
            })?,
            memory,
            threads,
            timeout: values.optional("timeout", "a time, such as 30s or 5m", |text| {
                humantime::parse_duration(text).ok().filter(|timeout| !timeout.is_zero())
            })?,
            max_rejects: values.optional("max_rejects", "a number or a share, such as 100 or 1%", max_rejects)?,
            format: values.parsed(
                "format",
                &format!("one of {}", Format::ALL.map(Format::name).join(", ")),
                |text| Format::from_str(text).ok(),
            )?,
            null: (values.origin("null") != &Origin::Default).then(|| values.text("null").to_owned()),
            quiet: values.boolean("quiet")?,
            shown: vec![],
        };
        let shown = values.shown(&config);
        Ok(Self { shown, ..config })
    }
}

impl MemoryShares {
    /// A quarter is the cache's. Some is left to what no pool counts: bodies that are being decoded,
    /// the program itself.
    fn of(limit_bytes: usize, no_cache: bool) -> Self {
        const UNCOUNTED_BYTES: usize = 64 << 20;
        let cache_bytes = if no_cache { 0 } else { limit_bytes / 4 };
        let pool_bytes = limit_bytes - cache_bytes - UNCOUNTED_BYTES.min(limit_bytes / 4);
        Self { limit_bytes, pool_bytes, cache_bytes }
    }
}

/// The settings as text, each with where it came from.
struct Values(BTreeMap<&'static str, (String, Origin)>);

impl Values {
    fn gather(flags: Vec<(&'static str, String)>, around: &Surroundings) -> Result<Self> {
        let mut values: BTreeMap<_, _> =
            SETTINGS.iter().map(|setting| (setting.name, (setting.default.to_owned(), Origin::Default))).collect();
        let project = around.directory.join("pinsql.toml");
        for path in around.user_config.iter().chain([&project]) {
            for (name, text) in read_file(path)? {
                values.insert(name, (text, Origin::File(path.clone())));
            }
        }
        for setting in SETTINGS {
            let variable = format!("PINSQL_{}", setting.name.to_uppercase());
            if let Some(text) = around.variables.get(&variable) {
                values.insert(setting.name, (text.clone(), Origin::Environment(variable)));
            }
        }
        for (name, text) in flags {
            values.insert(name, (text, Origin::Flag(format!("--{}", name.replace('_', "-")))));
        }
        let mut values = Self(values);
        values.let_the_nearer_source_win();
        Ok(values)
    }

    /// `--sample` on the command line beats a source in a file, and the other way round.
    fn let_the_nearer_source_win(&mut self) {
        let rank = |origin: &Origin| match origin {
            Origin::Default => 0,
            Origin::File(_) => 1,
            Origin::Environment(_) => 2,
            Origin::Flag(_) => 3,
        };
        let (source, sample) = (rank(self.origin("source")), rank(self.origin("sample")));
        let loser = if sample > source { ("source", "") } else { ("sample", "false") };
        if source != sample && source.min(sample) > 0 || (source > sample && source > 0) {
            self.0.insert(loser.0, (loser.1.to_owned(), Origin::Default));
        }
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(text, _)| text)
    }

    fn origin(&self, name: &str) -> &Origin {
        self.0.get(name).map_or(&Origin::Default, |(_, origin)| origin)
    }

    fn parsed<T>(&self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text(name);
        parse(text)
            .ok_or_else(|| Error::Usage(format!("{name} = '{text}' ({}): expected {expected}", self.origin(name))))
    }

    fn optional<T>(&self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        self.parsed(name, expected, |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) })
    }

    fn boolean(&self, name: &str) -> Result<bool> {
        self.parsed(name, "true or false", |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        })
    }

    fn source(&self) -> Result<Option<SourceConfig>> {
        if self.boolean("sample")? {
            return Ok(Some(SourceConfig::Sample));
        }
        let given = self.text("source");
        if given.is_empty() {
            return Ok(None);
        }
        let path = match given.split_once("://") {
            None => PathBuf::from(given),
            Some(("file", path)) if path.starts_with('/') => PathBuf::from(percent_decoded(path)),
            Some(_) => {
                return Err(Error::Usage(format!(
                    "source = '{given}' ({}): expected a directory or a file:///absolute/path URL; this version reads \
                     no other kind of source",
                    self.origin("source")
                )));
            }
        };
        Ok(Some(SourceConfig::Local { given: given.to_owned(), path }))
    }

    /// The directory given, which must exist; or the current directory's `sql`, if it is one of ours.
    fn sql_dir(&self, around: &Surroundings) -> Result<Option<PathBuf>> {
        let given = self.text("sql_dir");
        if given.is_empty() {
            let own = around.directory.join("sql");
            let is_ours = ["tables", "views", "queries"].iter().any(|part| own.join(part).is_dir());
            return Ok(is_ours.then_some(own));
        }
        let path = around.directory.join(given);
        if path.is_dir() {
            Ok(Some(path))
        } else {
            Err(Error::Usage(format!("sql_dir = '{given}' ({}): no such directory", self.origin("sql_dir"))))
        }
    }

    fn shown(self, config: &Config) -> Vec<(&'static str, String, Origin)> {
        let size = |bytes: usize| bytesize::ByteSize(bytes as u64).display().iec().to_string();
        let mut shown = vec![];
        for setting in SETTINGS {
            let Some((text, origin)) = self.0.get(setting.name).cloned() else { continue };
            let text = match setting.name {
                "threads" => config.threads.to_string(),
                "memory" => {
                    let MemoryShares { limit_bytes, pool_bytes, cache_bytes } = config.memory;
                    format!("{} (queries {}, cache {})", size(limit_bytes), size(pool_bytes), size(cache_bytes))
                }
                "sql_dir" => config.sql_dir.as_ref().map_or_else(String::new, |path| path.display().to_string()),
                _ => text,
            };
            shown.push((setting.name, text, origin));
        }
        shown
    }
}

/// The settings in a pinsql.toml; none if there is no such file.
fn read_file(path: &Path) -> Result<Vec<(&'static str, String)>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(Error::Usage(format!("cannot read {}: {error}", path.display()))),
    };
    let table: toml::Table = text.parse().map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    let mut values = vec![];
    for (name, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let names = SETTINGS.iter().map(|setting| setting.name);
            let hint = crate::error::did_you_mean(&name, names).unwrap_or_default();
            return Err(Error::Usage(format!("{}: there is no setting '{name}'{hint}", path.display())));
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Array(_) | toml::Value::Table(_) => {
                return Err(Error::Usage(format!("{}: {name} is one value, not a list or a table", path.display())));
            }
            other => other.to_string(),
        };
        values.push((setting.name, text));
    }
    Ok(values)
}

fn size_bytes(text: &str, whole_bytes: u64) -> Option<u64> {
    const LEAST_BYTES: u64 = 16 << 20;
    let bytes = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().ok().filter(|percent| (1.0..=100.0).contains(percent))?;
            (whole_bytes as f64 * percent / 100.0) as u64
        }
        None => text.parse::<bytesize::ByteSize>().ok()?.as_u64(),
    };
    (bytes >= LEAST_BYTES).then_some(bytes)
}

fn max_rejects(text: &str) -> Option<MaxRejects> {
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.trim().parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(MaxRejects::Percent(percent))
        }
        None => text.parse().ok().map(MaxRejects::Count),
    }
}

/// The `%XX` of a URL's path resolved; what is no escape stays.
fn percent_decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(directory: &Path) -> Surroundings {
        Surroundings {
            variables: BTreeMap::new(),
            directory: directory.to_owned(),
            user_config: Some(directory.join("user.toml")),
            memory_bytes: 10 << 30,
            cores: 3,
        }
    }

    fn shown(config: &Config, name: &str) -> (String, Origin) {
        let (_, text, origin) = config.shown.iter().find(|(setting, ..)| *setting == name).unwrap().clone();
        (text, origin)
    }

    #[test]
    fn the_nearer_place_wins_and_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut around = around(directory.path());
        std::fs::write(directory.path().join("user.toml"), "threads = 5\nformat = \"csv\"\n").unwrap();
        std::fs::write(directory.path().join("pinsql.toml"), "threads = 6\n").unwrap();
        let config = Config::new(vec![], &around).unwrap();
        assert_eq!((config.threads, config.format), (6, Format::Csv));
        assert_eq!(shown(&config, "threads").1, Origin::File(directory.path().join("pinsql.toml")));
        around.variables.insert("PINSQL_THREADS".to_owned(), "7".to_owned());
        assert_eq!(Config::new(vec![], &around).unwrap().threads, 7);
        let config = Config::new(vec![("threads", "8".to_owned())], &around).unwrap();
        assert_eq!(shown(&config, "threads"), ("8".to_owned(), Origin::Flag("--threads".to_owned())));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let mut around = around(directory.path());
        around.variables.insert("PINSQL_MEMORY".to_owned(), "lots".to_owned());
        let error = Config::new(vec![], &around).unwrap_err().to_string();
        assert_eq!(error, "memory = 'lots' (environment PINSQL_MEMORY): expected a size, such as 512MB, 4GiB or 50%");
        around.variables.clear();
        for (name, text) in [("threads", "0"), ("timeout", "soon"), ("max_rejects", "101%"), ("cleaning", "lax")] {
            let error = Config::new(vec![(name, text.to_owned())], &around).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{name} = '{text}' (--{}): expected", name.replace('_', "-"))),
                "{error}"
            );
        }
        std::fs::write(directory.path().join("pinsql.toml"), "treads = 6\n").unwrap();
        let error = Config::new(vec![], &around).unwrap_err().to_string();
        assert!(error.contains("there is no setting 'treads'") && error.contains("'threads'"), "{error}");
    }

    #[test]
    fn sources_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let around = around(directory.path());
        let source = |flags: &[(&'static str, &str)]| {
            let flags = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
            Config::new(flags, &around).map(|config| config.source)
        };
        assert_eq!(source(&[]).unwrap(), None);
        assert_eq!(source(&[("sample", "true")]).unwrap(), Some(SourceConfig::Sample));
        let local = |given: &str, path: &str| Some(SourceConfig::Local { given: given.into(), path: path.into() });
        assert_eq!(source(&[("source", "b")]).unwrap(), local("b", "b"));
        assert_eq!(source(&[("source", "file:///a%20b")]).unwrap(), local("file:///a%20b", "/a b"));
        assert!(source(&[("source", "ftp://x")]).is_err());
        std::fs::write(directory.path().join("pinsql.toml"), "source = \"b\"\n").unwrap();
        assert_eq!(source(&[("sample", "true")]).unwrap(), Some(SourceConfig::Sample), "the flag is nearer");
        assert_eq!(source(&[]).unwrap(), local("b", "b"));
    }

    #[test]
    fn memory_is_shared_out() {
        assert_eq!(size_bytes("256MB", 0), Some(256_000_000));
        assert_eq!(size_bytes("50%", 1 << 30), Some(1 << 29));
        assert_eq!(size_bytes("1KB", 0), None);
        let shares = MemoryShares::of(1 << 30, false);
        assert_eq!((shares.cache_bytes, shares.pool_bytes), (256 << 20, (1 << 30) - (320 << 20)));
        assert_eq!(MemoryShares::of(1 << 30, true).cache_bytes, 0);
    }
}
