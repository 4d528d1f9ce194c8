//! The scan: what is read, how often, and what of it the plan knows beforehand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use pinsql::config::{Config, Surroundings};
use pinsql::error::Result;
use pinsql::output::{Format, Style};
use pinsql::query::{AnswerOptions, answer};
use pinsql::script::Script;
use pinsql::session::Engine;
use pinsql::topic::scan::PackSlice;
use support::Bucket;
use tokio::runtime::Runtime;

/// An engine over a bucket, and what it answers.
struct Session {
    runtime: Runtime,
    engine: Engine,
}

impl Session {
    fn new(bucket: &Bucket, settings: &[(&'static str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut flags = vec![("source", bucket.path().to_str().unwrap().to_owned())];
        flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let around = Surroundings {
            variables: BTreeMap::new(),
            directory: bucket.path().to_owned(),
            user_config: None,
            memory_bytes: 4 << 30,
            cores: 2,
        };
        let config = Config::new(flags, &around).unwrap();
        let engine = runtime.block_on(Engine::new(&config)).unwrap();
        Self { runtime, engine }
    }

    /// The rows of one statement as CSV, without the header.
    fn rows(&self, sql: &str) -> String {
        self.answer(sql).unwrap()
    }

    fn answer(&self, sql: &str) -> Result<String> {
        let script = Script::parse("test", sql).unwrap();
        let parsed = &script.statements[0];
        let options = AnswerOptions { format: Format::Csv, style: Style::default(), max_rejects: None };
        let mut out = vec![];
        self.runtime.block_on(async {
            let within = script.within(parsed);
            let plan = self.engine.plan(parsed, &BTreeMap::new(), &within).await?;
            answer(&self.engine, plan, &within, &options, Box::new(&mut out)).await
        })?;
        let text = String::from_utf8(out).unwrap();
        Ok(text.split_once('\n').unwrap().1.trim_end().to_owned())
    }

    /// A number that EXPLAIN ANALYZE gives for the scans of a statement, added up.
    fn metric(&self, sql: &str, name: &str) -> u64 {
        let plan = self.rows(&format!("EXPLAIN ANALYZE {sql}"));
        let label = format!("{name}=");
        let values = plan.split(&label).skip(1).map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap();
            let unit = rest[digits.len()..].trim_start();
            let scale = if unit.starts_with('K') { 1000.0 } else { 1.0 };
            (digits.parse::<f64>().unwrap() * scale) as u64
        });
        values.sum()
    }

    fn physical_plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.runtime.block_on(async {
            let frame = self.engine.context().sql(sql).await.unwrap();
            frame.create_physical_plan().await.unwrap()
        })
    }
}

fn scans(plan: &Arc<dyn ExecutionPlan>) -> Vec<FileScanConfig> {
    let scan = (plan.as_ref() as &dyn Any).downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| (scan.data_source().as_ref() as &dyn Any).downcast_ref::<FileScanConfig>());
    let below = plan.children().into_iter().flat_map(scans).collect::<Vec<_>>();
    config.cloned().into_iter().chain(below).collect()
}

fn pin(index: i64) -> String {
    format!("{{\"index\":{index},\"title\":\"t{index}\"}}\n")
}

/// A bucket of `count` posts in partition 0, one an object.
fn posts(count: i64) -> Bucket {
    let bucket = Bucket::new();
    for index in 0..count {
        bucket.record("pin", index, pin(index));
    }
    bucket
}

#[test]
fn datafusion_slices_the_scan_by_packs_and_each_object_is_in_one() {
    let bucket = posts(9000);
    let session = Session::new(&bucket, &[("threads", "2")]);
    let scans = scans(&session.physical_plan("SELECT title FROM pin_raw"));
    let [scan] = &scans[..] else { panic!("one scan") };
    assert_eq!(scan.file_groups.len(), 3, "a group for each pack, up to two for each core");
    let slices: Vec<_> = scan.file_groups.iter().flat_map(|group| group.iter()).collect();
    let slices: Vec<_> = slices.iter().map(|file| file.extensions.get::<PackSlice>().unwrap()).collect();
    assert!(slices.len() >= 3, "{}", slices.len());
    let mut starts: Vec<_> =
        slices.iter().flat_map(|slice| slice.pack.starts[slice.places.clone()].iter().copied()).collect();
    starts.sort_unstable();
    assert_eq!(starts, (0..9000).collect::<Vec<_>>());
    assert_eq!(
        session.rows("SELECT count(*), sum(\"index\"), count(DISTINCT title) FROM pin_raw"),
        "9000,40495500,9000"
    );
}

#[test]
fn hidden_columns_are_there_when_they_are_named_and_never_else() {
    let bucket = Bucket::new();
    let body = "{\"index\":1,\"new\":{\"a\":[1, 2]},\"x\":\"\\u00e9\"}\r\n{\"index\":2}";
    bucket.put("u.pin/partition=3/u.pin+3+0000000040.json", body);
    bucket.record("geo", 0, "{\"ind\":1}");
    let session = Session::new(&bucket, &[]);
    let plain = session.rows("SELECT * FROM pin_raw WHERE \"index\" = 1");
    assert_eq!(plain.matches(',').count(), 11, "{plain}");
    let sql = "SELECT _topic, _partition, _offset, _key, _size, _rescued FROM pin_raw ORDER BY _offset";
    assert_eq!(
        session.rows(sql),
        "u.pin,3,40,u.pin/partition=3/u.pin+3+0000000040.json,56,\"{\"\"new\"\":{\"\"a\"\":[1, 2]},\"\"x\"\":\"\"\\u00e9\"\"}\"\n\
         u.pin,3,41,u.pin/partition=3/u.pin+3+0000000040.json,56,"
    );
    assert_eq!(session.rows("SELECT count(*) FROM pin_raw WHERE _last_modified > '2020-01-01'"), "2");
    let star = session.rows("SELECT *, _offset FROM pin_raw WHERE \"index\" = 1");
    assert!(star.matches(',').count() == 12 && star.ends_with(",40"), "{star}");
    let joined = "SELECT p._offset, g._offset FROM pin_raw p JOIN geo_raw g ON p.\"index\" = g.ind";
    assert_eq!(session.rows(joined), "40,0");
    assert_eq!(session.rows("WITH pin_raw AS (SELECT 5 AS _offset) SELECT _offset FROM pin_raw"), "5");
    assert_eq!(session.rows("SELECT o FROM (SELECT *, _offset AS o FROM pin_raw) AS p ORDER BY o"), "40\n41");
    // Without hidden columns in sight a natural join joins by what was declared.
    assert_eq!(session.rows("SELECT count(*) FROM geo_raw NATURAL JOIN (SELECT 1 AS ind) AS other"), "1");
}

#[test]
fn conditions_on_hidden_columns_leave_objects_unread() {
    let bucket = posts(100);
    for index in 0..10 {
        bucket.put(&format!("u.pin/partition=1/u.pin+1+{index:010}.json"), pin(1000 + index));
        bucket.put(&format!("v.pin/partition=0/v.pin+0+{index:010}.json"), pin(2000 + index));
    }
    for (condition, objects, rows) in [
        ("_topic = 'u.pin' AND _partition = 0 AND _offset >= 90", 10, 10),
        ("_partition = 1", 10, 10),
        ("_topic LIKE 'v%'", 10, 10),
        ("_topic = 'u.pin' AND _partition = 0 AND _offset BETWEEN 10 AND 19", 10, 10),
        ("_topic = 'u.pin' AND _partition IN (0, 7) AND _offset = 42", 1, 1),
        ("_topic = 'u.pin' AND _partition = 0 AND (_offset = 3 OR _offset = 5)", 3, 2),
        ("_topic = 'nobody'", 0, 0),
        ("_offset % 2 = 0", 120, 60),
        ("_topic = 'v.pin' AND \"index\" > 2004", 10, 5),
    ] {
        let session = Session::new(&bucket, &[]);
        let sql = format!("SELECT count(*) FROM pin_raw WHERE {condition}");
        assert_eq!(session.metric(&sql, "objects_read"), objects, "{condition}");
        assert_eq!(session.rows(&sql), rows.to_string(), "{condition}");
    }
}

#[test]
fn objects_of_many_records_are_pruned_by_where_the_next_one_starts() {
    let bucket = Bucket::new();
    for start in (0..70).step_by(7) {
        let lines: String = (start..start + 7).map(pin).collect();
        bucket.record("pin", start, lines);
    }
    for (condition, objects, rows) in [("_offset >= 66", 1, 4), ("_offset = 13", 1, 1), ("_offset < 8", 2, 8)] {
        let session = Session::new(&bucket, &[]);
        let sql = format!("SELECT count(*) FROM pin_raw WHERE {condition}");
        assert_eq!(session.metric(&sql, "objects_read"), objects, "{condition}");
        assert_eq!(session.rows(&sql), rows.to_string(), "{condition}");
    }
}

#[test]
fn no_object_is_read_more_often_than_needed() {
    let bucket = posts(5000);
    let session = Session::new(&bucket, &[]);
    let twice = "SELECT count(*) FROM pin_raw a JOIN pin_raw b ON a.\"index\" = b.\"index\" + 1";
    assert_eq!(session.metric(twice, "objects_read"), 5000, "a table that is named twice is read once");
    assert_eq!(session.metric(twice, "objects_read"), 0, "and not again in the same session");
    let uncached = Session::new(&bucket, &[("no_cache", "true")]);
    assert_eq!(uncached.metric(twice, "objects_read"), 10_000);
    assert_eq!(uncached.rows(twice), session.rows(twice));
}

#[test]
fn a_limit_reads_few_objects() {
    let bucket = posts(5000);
    let session = Session::new(&bucket, &[]);
    let sql = "SELECT title FROM pin_raw LIMIT 10";
    assert!(session.metric(sql, "objects_read") < 50);
    assert_eq!(session.rows(sql).lines().count(), 10);
    assert_eq!(session.rows("SELECT count(*) FROM (SELECT * FROM pin_raw LIMIT 3000)"), "3000");
}

#[test]
fn a_session_sees_what_is_new_what_changed_and_what_is_gone() {
    let bucket = posts(3);
    let session = Session::new(&bucket, &[]);
    let sql = "SELECT string_agg(title, ' ' ORDER BY \"index\") FROM pin_raw";
    assert_eq!(session.rows(sql), "t0 t1 t2");
    bucket.record("pin", 3, pin(3));
    assert_eq!(session.rows(sql), "t0 t1 t2", "one moment, until it looks again");
    session.engine.look_again();
    assert_eq!(session.metric(sql, "objects_read"), 1, "only what is new is read");
    assert_eq!(session.rows(sql), "t0 t1 t2 t3");
    bucket.record("pin", 1, "{\"index\":1,\"title\":\"another\"}");
    session.engine.look_again();
    assert_eq!(session.rows(sql), "t0 another t2 t3");
    std::fs::remove_file(bucket.record("pin", 0, pin(0))).unwrap();
    session.engine.look_again();
    assert_eq!(session.rows(sql), "another t2 t3");
}

/// Without a cache an object is read once for each use, and could have been another one each time.
#[test]
fn a_run_sees_one_version_of_an_object_or_says_so() {
    let bucket = posts(3);
    let session = Session::new(&bucket, &[("no_cache", "true")]);
    let sql = "SELECT count(title) FROM pin_raw";
    assert_eq!(session.rows(sql), "3");
    bucket.record("pin", 1, "{\"index\":1,\"title\":\"another one\"}");
    let error = session.answer(sql).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().ends_with("u.pin+0+0000000001.json was changed in the middle of the run: run it again"));
    session.engine.look_again();
    assert_eq!(session.rows(sql), "3");
}

#[test]
fn an_object_that_vanishes_after_the_listing_is_reported() {
    let bucket = posts(3);
    let session = Session::new(&bucket, &[]);
    let script = Script::parse("test", "SELECT count(*) FROM pin_raw").unwrap();
    let parsed = &script.statements[0];
    let options = AnswerOptions { format: Format::Csv, style: Style::default(), max_rejects: None };
    let mut out = vec![];
    let answered = session.runtime.block_on(async {
        session.engine.take_snapshot([parsed]).await;
        std::fs::remove_file(bucket.path().join("topics/u.pin/partition=0/u.pin+0+0000000001.json")).unwrap();
        let within = script.within(parsed);
        let plan = session.engine.plan(parsed, &BTreeMap::new(), &within).await.unwrap();
        answer(&session.engine, plan, &within, &options, Box::new(&mut out)).await.unwrap()
    });
    assert_eq!(answered.notices, ["1 object of pin_raw vanished between listing and reading"]);
}

#[test]
fn links_in_circles_end_and_no_object_counts_twice() {
    let bucket = posts(2);
    let topic = bucket.path().join("topics/u.pin");
    std::os::unix::fs::symlink(&topic, topic.join("partition=0/again")).unwrap();
    std::os::unix::fs::symlink(topic.join("partition=0"), topic.join("link")).unwrap();
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_raw"), "2");
}

#[test]
fn a_topic_is_declared_in_sql_alone() {
    let bucket = Bucket::new();
    bucket.put(
        "a.like/partition=0/a.like+0+0000000000.json",
        "{\"who\":\"x\",\"at\":\"2020-02-03\",\"n\":\"7\",\"p\":1.25}",
    );
    bucket.put("a.like/partition=0/a.like+0+0000000001.json", "{\"who\":\"y\",\"at\":\"someday\"}");
    let create =
        "CREATE EXTERNAL TABLE likes (who VARCHAR, at DATE, n INT, p DECIMAL(5,2)) STORED AS TOPIC LOCATION '*.like'";
    let run = |sql: &str| bucket.pinsql(&["-q", "--format", "csv", "-c", create, "-c", sql]);
    assert_eq!(run("SELECT * FROM likes").out, "who,at,n,p\nx,2020-02-03,7,1.25\n");
    assert_eq!(run("SELECT reason FROM likes_rejects").out, "reason\n\"at: \"\"someday\"\" is no DATE\"\n");
    for (columns, location, problem) in [
        ("a BIGINT, _offset BIGINT", "'*.like'", "column _offset: every topic table has it already"),
        ("a INT[]", "'*.like'", "_rescued"),
        ("a INT", "('*.like', '*.pin')", "one LOCATION"),
    ] {
        let ran =
            bucket.pinsql(&["-c", &format!("CREATE EXTERNAL TABLE t ({columns}) STORED AS TOPIC LOCATION {location}")]);
        assert!(ran.code == 1 && ran.err.contains(problem), "{columns}: {}", ran.err);
    }
}
