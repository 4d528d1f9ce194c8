//! The tables and views there are: SQL files, the user's own before the ones in the binary.
//!
//! Nothing about pin, geo or user stands in Rust. `tables/*.sql` declare the topics, `views/*.sql`
//! clean them (those of the chosen rule set lie in a directory of its name), `queries/*.sql` ask.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider, TableProviderFactory};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{CreateExternalTable, LogicalPlan};
use include_dir::{Dir, include_dir};

use crate::config::Cleaning;
use crate::error::{Error, Result};
use crate::topic::read::Source;
use crate::topic::table::{Topic, TopicTable, View};

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/sql");

/// The schema in which topic tables show their hidden columns. It lists no tables: statements that
/// name hidden columns are led to it.
pub const METADATA_SCHEMA: &str = "with_metadata";

/// A file of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFile {
    /// What names it in messages.
    pub origin: String,
    /// Its name without `.sql`: the table, view or query that it makes.
    pub stem: String,
    /// The SQL.
    pub text: String,
}

/// The SQL files of a project.
#[derive(Debug)]
pub struct SqlFiles<'a> {
    own: Option<&'a Path>,
}

impl<'a> SqlFiles<'a> {
    /// The files in the directory `own`, if any, before the shipped ones.
    pub fn new(own: Option<&'a Path>) -> Self {
        Self { own }
    }

    /// The tables to declare.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn tables(&self) -> Result<Vec<SqlFile>> {
        self.in_directories(&["tables".to_owned()])
    }

    /// The views of a rule set, in no order.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn views(&self, cleaning: Cleaning) -> Result<Vec<SqlFile>> {
        self.in_directories(&[format!("views/{}", cleaning.name()), "views".to_owned()])
    }

    /// The questions.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn queries(&self) -> Result<Vec<SqlFile>> {
        self.in_directories(&["queries".to_owned()])
    }

    /// A file that the user names: as given, in the own directory, among the shipped ones.
    ///
    /// # Errors
    /// That there is no such file anywhere, or that it cannot be read.
    pub fn find(&self, name: &str) -> Result<SqlFile> {
        let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name).to_owned();
        let with_queries = format!("queries/{name}");
        let mut candidates = vec![Path::new(name).to_owned()];
        candidates.extend(self.own.iter().flat_map(|own| [own.join(name), own.join(&with_queries)]));
        if let Some(path) = candidates.iter().find(|path| path.exists() && !path.is_dir()) {
            return Ok(SqlFile { origin: path.display().to_string(), stem, text: read(path)? });
        }
        let shipped = [name, &with_queries, name.strip_prefix("sql/").unwrap_or(name)];
        let shipped = shipped.iter().find_map(|path| Some((*path, SHIPPED.get_file(path)?.contents_utf8()?)));
        if let Some((path, text)) = shipped {
            return Ok(SqlFile { origin: path.to_owned(), stem, text: text.to_owned() });
        }
        let queries = self.queries().unwrap_or_default();
        let names: Vec<_> = queries.iter().map(|file| format!("queries/{}.sql", file.stem)).collect();
        let hint = crate::error::did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_default();
        Err(Error::Usage(format!(
            "there is no file {name}: not here, not in the SQL directory, not in the binary{hint}"
        )))
    }

    /// The files of some directories; of one name the first wins, and an own one before a shipped one.
    fn in_directories(&self, directories: &[String]) -> Result<Vec<SqlFile>> {
        let mut files = BTreeMap::new();
        for directory in directories {
            for file in self.own_files(directory)? {
                files.entry(file.stem.clone()).or_insert(file);
            }
        }
        for directory in directories {
            for file in shipped_files(directory) {
                files.entry(file.stem.clone()).or_insert(file);
            }
        }
        Ok(files.into_values().collect())
    }

    fn own_files(&self, directory: &str) -> Result<Vec<SqlFile>> {
        let Some(path) = self.own.map(|own| own.join(directory)).filter(|path| path.is_dir()) else {
            return Ok(vec![]);
        };
        let unreadable = |error| Error::Usage(format!("cannot read {}: {error}", path.display()));
        let mut files = vec![];
        for entry in std::fs::read_dir(&path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if let Some(stem) = sql_stem(&path) {
                files.push(SqlFile { origin: path.display().to_string(), stem, text: read(&path)? });
            }
        }
        Ok(files)
    }
}

fn shipped_files(directory: &str) -> Vec<SqlFile> {
    let files = SHIPPED.get_dir(directory).into_iter().flat_map(Dir::files);
    files
        .filter_map(|file| {
            let (origin, stem) = (format!("sql/{}", file.path().display()), sql_stem(file.path())?);
            Some(SqlFile { origin, stem, text: file.contents_utf8()?.to_owned() })
        })
        .collect()
}

fn sql_stem(path: &Path) -> Option<String> {
    let is_sql = path.extension().is_some_and(|extension| extension == "sql");
    is_sql.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))
}

/// `CREATE EXTERNAL TABLE … STORED AS TOPIC LOCATION '<pattern of topic names>'`.
#[derive(Debug)]
pub struct TopicFactory {
    source: Arc<Source>,
}

impl TopicFactory {
    /// Makes tables over `source`.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source }
    }
}

#[async_trait]
impl TableProviderFactory for TopicFactory {
    async fn create(&self, _: &dyn Session, command: &CreateExternalTable) -> PlanResult<Arc<dyn TableProvider>> {
        let name = command.name.table();
        let [pattern] = command.locations.as_slice() else {
            return plan_err!("table {name}: a topic table has one LOCATION, the pattern of its topics' names");
        };
        if command.schema.fields().is_empty() {
            return plan_err!("table {name}: declare the columns; a topic's are never guessed by reading it");
        }
        for (option, value) in &command.options {
            match option.strip_prefix("format.").unwrap_or(option) {
                "on_error" if value == "reject" => {}
                "on_error" => return plan_err!("table {name}: on_error can only be 'reject', not '{value}'"),
                other => return plan_err!("table {name}: a topic table has no option '{other}'; there is on_error"),
            }
        }
        match Topic::new(name, pattern, command.schema.as_arrow(), Arc::clone(&self.source)) {
            Ok(topic) => Ok(Arc::new(TopicTable::new(Arc::new(topic), View::Declared))),
            Err(problem) => plan_err!("table {name}: {problem}"),
        }
    }
}

/// The schema of [`METADATA_SCHEMA`]: the topic tables of another schema, with all their columns.
#[derive(Debug)]
pub struct MetadataSchema {
    /// The schema in which the topic tables are registered.
    pub declared: Arc<dyn SchemaProvider>,
}

#[async_trait]
impl SchemaProvider for MetadataSchema {
    fn table_names(&self) -> Vec<String> {
        vec![]
    }

    async fn table(&self, name: &str) -> PlanResult<Option<Arc<dyn TableProvider>>> {
        let declared = self.declared.table(name).await?;
        let topic = declared.as_deref().and_then(TopicTable::topic_of).map(Arc::clone);
        Ok(topic.map(|topic| Arc::new(TopicTable::new(topic, View::WithMetadata)) as _))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.declared.table_exist(name)
    }
}

/// The topics that a table or view reads, through all views.
pub fn topics_of(provider: &Arc<dyn TableProvider>, topics: &mut BTreeMap<String, Arc<Topic>>) {
    if let Some(topic) = TopicTable::topic_of(provider.as_ref()) {
        topics.insert(topic.table().to_owned(), Arc::clone(topic));
    } else if let Some(view) = (provider.as_ref() as &dyn Any).downcast_ref::<ViewTable>() {
        topics_in_plan(view.logical_plan(), topics);
    }
}

fn topics_in_plan(plan: &LogicalPlan, topics: &mut BTreeMap<String, Arc<Topic>>) {
    // The visitor cannot fail: it only looks.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
        {
            topics_of(&provider, topics);
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

/// The order in which views can be created, each after those that it reads.
///
/// # Errors
/// The views that read each other in a circle.
pub fn in_order_of_use<T>(mut views: Vec<(String, BTreeSet<String>, T)>) -> Result<Vec<T>, Vec<String>> {
    let mut ordered = vec![];
    while !views.is_empty() {
        let waiting: BTreeSet<_> = views.iter().map(|(name, ..)| name.clone()).collect();
        let is_ready = |(name, reads, _): &(String, BTreeSet<String>, T)| {
            reads.iter().all(|read| read == name || !waiting.contains(read))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = views.into_iter().partition(is_ready);
        if ready.is_empty() {
            return Err(rest.into_iter().map(|(name, ..)| name).collect());
        }
        ordered.extend(ready.into_iter().map(|(.., view)| view));
        views = rest;
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_come_before_shipped_ones() {
        let directory = tempfile::tempdir().unwrap();
        let shipped = SqlFiles::new(None).views(Cleaning::Strict).unwrap();
        let pins = |files: &[SqlFile]| files.iter().find(|file| file.stem == "pins").unwrap().origin.clone();
        assert_eq!(pins(&shipped), "sql/views/strict/pins.sql");
        assert_eq!(pins(&SqlFiles::new(None).views(Cleaning::Keep).unwrap()), "sql/views/keep/pins.sql");
        std::fs::create_dir(directory.path().join("views")).unwrap();
        let own = directory.path().join("views/pins.sql");
        std::fs::write(&own, "CREATE VIEW pins AS SELECT 1").unwrap();
        let files = SqlFiles::new(Some(directory.path())).views(Cleaning::Strict).unwrap();
        assert_eq!(pins(&files), own.display().to_string());
        assert_eq!(files.len(), shipped.len());
    }

    #[test]
    fn a_query_is_found_by_any_of_its_names() {
        let files = SqlFiles::new(None);
        for name in ["queries/top_country.sql", "top_country.sql", "sql/queries/top_country.sql"] {
            assert_eq!(files.find(name).unwrap().stem, "top_country");
        }
        let error = files.find("queries/top_contry.sql").unwrap_err().to_string();
        assert!(error.ends_with("did you mean 'queries/top_country.sql'?"), "{error}");
    }

    #[test]
    fn views_are_created_after_what_they_read() {
        let view = |name: &str, reads: &[&str]| {
            (name.to_owned(), reads.iter().map(|read| (*read).to_owned()).collect(), name.to_owned())
        };
        let views = vec![view("a", &["c", "raw"]), view("b", &["a"]), view("c", &[])];
        assert_eq!(in_order_of_use(views), Ok(vec!["c".to_owned(), "a".to_owned(), "b".to_owned()]));
        let circle = vec![view("a", &["b"]), view("b", &["a"]), view("c", &[])];
        assert_eq!(in_order_of_use(circle), Err(vec!["a".to_owned(), "b".to_owned()]));
    }
}
