//! Faults that were found by use and review. Each test tells what went wrong before it was mended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::time::{Duration, Instant};

use support::{Bucket, Ran, command, pinsql};

fn sample(args: &[&str]) -> Ran {
    pinsql(&[&["--sample"], args].concat())
}

/// A bucket of ten posts of which five are no JSON.
fn half_broken() -> Bucket {
    let bucket = Bucket::new();
    for offset in 0..10 {
        let body = if offset % 2 == 0 { format!("{{\"index\":{offset},\"title\":\"t\"}}") } else { "{".to_owned() };
        bucket.record("pin", offset, body);
    }
    bucket
}

/// A join that never yields kept the threads on which the clock and the signals were waited for.
#[test]
fn a_query_that_never_yields_is_ended_by_its_timeout() {
    let started = Instant::now();
    let endless =
        "SELECT count(*) FROM generate_series(1, 10000000) a JOIN generate_series(1, 10000000) b ON a.value <> b.value";
    let ran = sample(&["--threads", "1", "--timeout", "300ms", "-c", endless]);
    assert_eq!((ran.code, ran.err.as_str()), (124, "pinsql: no answer within 300ms (--timeout)\n"));
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// The scans of a statement were told apart by the first object that they read, and the last one won.
#[test]
fn a_topic_that_a_statement_names_twice_counts_its_rejects_once() {
    let bucket = half_broken();
    for sql in [
        "SELECT count(*) FROM pin_raw UNION ALL SELECT count(*) FROM pin_raw WHERE _offset > 3",
        "SELECT count(*) FROM (SELECT title FROM pin_raw LIMIT 1) UNION ALL SELECT count(*) FROM pin_raw",
        "SELECT count(*) FROM pin_raw UNION ALL SELECT count(*) FROM (SELECT title FROM pin_raw LIMIT 1)",
    ] {
        let ran = bucket.pinsql(&["-c", sql]);
        assert_eq!(ran.err, "5 records rejected: SELECT * FROM pin_rejects\n", "{sql}");
        assert_eq!(bucket.pinsql(&["--max-rejects", "4", "-c", sql]).code, 4, "{sql}");
        assert_eq!(bucket.pinsql(&["--max-rejects", "50%", "-c", sql]).code, 0, "{sql}");
    }
}

/// A table made from a topic had lost the rejects without a word.
#[test]
fn a_table_made_from_a_topic_says_what_it_left_out() {
    let create = "CREATE TABLE t AS SELECT * FROM pin_raw";
    let ran = half_broken().pinsql(&["-c", create, "--format", "csv", "-c", "SELECT count(*) AS n FROM t"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("n\n5\n", "5 records rejected: SELECT * FROM pin_rejects\n"));
    assert_eq!(half_broken().pinsql(&["--max-rejects", "0", "-c", create]).code, 4);
}

/// 29 KB of gzip took more than a gigabyte of memory.
#[test]
fn a_gzip_bomb_is_a_reject() {
    let bucket = Bucket::new();
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all("{}\n".repeat(10_000_000).as_bytes()).unwrap();
    let path = bucket.put("u.pin/partition=0/u.pin+0+0000000000.json.gz", "");
    std::fs::write(path, encoder.finish().unwrap()).unwrap();
    bucket.record("pin", 1, "{\"index\":1}");
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_raw"), "1");
    let reason = bucket.csv("SELECT reason FROM pin_rejects");
    assert!(reason.contains("of gzip that inflate to more than"), "{reason}");
}

/// The process was aborted: its stack was used up by a tree as deep as the condition is long.
#[test]
fn a_very_long_condition_is_refused_and_a_long_one_runs() {
    let condition = |count: usize| vec!["1 = 2"; count].join(" OR ");
    let ran = sample(&["-c", &format!("SELECT {}", condition(10_000))]);
    assert!(ran.code == 1 && ran.err.contains("more than 5000 operators"), "{} {}", ran.code, ran.err);
    let ran = sample(&["--format", "csv", "-c", &format!("SELECT {} AS x", condition(2_000))]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "x\nfalse\n"), "{}", ran.err);
}

/// `-o /dev/null` of a root's job would have put a file in the device's place; a link lost its target.
#[test]
fn devices_stay_devices_and_links_stay_links() {
    let directory = tempfile::tempdir().unwrap();
    let run = |output: &str| -> Ran {
        let args = ["--sample", "--format", "csv", "-c", "SELECT 1 AS n", "-o", output];
        command(directory.path()).args(args).output().unwrap().into()
    };
    assert_eq!(run("/dev/null").code, 0);
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    std::fs::write(directory.path().join("target.csv"), "old").unwrap();
    symlink("target.csv", directory.path().join("link.csv")).unwrap();
    assert_eq!(run("link.csv").code, 0);
    assert_eq!(std::fs::read_to_string(directory.path().join("target.csv")).unwrap(), "n\n1\n");
    assert!(directory.path().join("link.csv").is_symlink());
}

/// `*` beside a hidden column was ambiguous, or left out what it should show, or showed what it should not.
#[test]
fn a_star_beside_hidden_columns_is_what_it_is_without() {
    let bucket = Bucket::new();
    bucket.record("pin", 3, "{\"index\":1,\"title\":\"t\"}");
    bucket.record("geo", 4, "{\"ind\":1,\"country\":\"c\"}");
    let columns = |sql: &str| {
        let ran = bucket.pinsql(&["--format", "csv", "-c", sql]);
        assert_eq!(ran.code, 0, "{sql}: {}", ran.err);
        ran.out.lines().next().unwrap().split(',').count()
    };
    for (sql, expected) in [
        ("SELECT * FROM pin_raw p JOIN geo_raw g ON g.ind = p.\"index\" WHERE p._offset = 3", 17),
        ("SELECT * FROM (pin_raw p JOIN geo_raw g ON g.ind = p.\"index\") WHERE p._offset = 3", 17),
        ("SELECT g.* FROM pin_raw p JOIN geos g ON g.ind = p.\"index\" WHERE _offset = 3", 4),
        ("SELECT p.*, _offset FROM pin_raw p", 13),
        ("SELECT * EXCLUDE (title) FROM pin_raw WHERE _offset = 3", 11),
        ("SELECT *, x._offset AS o FROM pin_raw JOIN (SELECT 5 AS _offset) AS x ON true", 14),
        ("SELECT _offset FROM public.pin_raw", 1),
        ("SELECT PIN_RAW._offset FROM Pin_Raw", 1),
    ] {
        assert_eq!(columns(sql), expected, "{sql}");
    }
    for sql in [
        "SELECT count(_offset) FROM (pin_raw NATURAL JOIN pin_raw AS b)",
        "SELECT * FROM pin_raw JOIN pin_raw AS b USING (\"index\") WHERE b._offset = 3",
    ] {
        let ran = bucket.pinsql(&["-c", sql]);
        assert!(ran.code == 1 && ran.err.contains("name the columns"), "{sql}: {}", ran.err);
    }
}

/// Statements that did nothing, or undid the limits, without a word.
#[test]
fn what_cannot_be_done_is_refused() {
    for sql in [
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "SET datafusion.runtime.memory_limit = '900G'",
        "set DATAFUSION.runtime.temp_directory = '/'",
        "RESET datafusion.runtime.memory_limit",
    ] {
        let ran = sample(&["-c", sql]);
        assert!(ran.code == 1 && ran.err.contains("pinsql: -c:1:1: "), "{sql}: {} {}", ran.code, ran.err);
    }
    let clash = "CREATE EXTERNAL TABLE pin (a BIGINT) STORED AS TOPIC LOCATION '*.geo'";
    let ran = sample(&["-c", clash]);
    assert!(ran.code == 2 && ran.err.contains("pin_rejects, which another table has"), "{}", ran.err);
}

/// `check` made the table, rows and all, and what one file made was there for the next.
#[test]
fn check_makes_tables_without_their_rows_and_for_one_file_only() {
    let directory = tempfile::tempdir().unwrap();
    let script = "CREATE TABLE t AS SELECT title FROM pin_raw; SELECT title FROM t;";
    std::fs::write(directory.path().join("a.sql"), script).unwrap();
    std::fs::write(directory.path().join("b.sql"), "SELECT title FROM t").unwrap();
    let ran: Ran = command(directory.path()).args(["check", "a.sql", "b.sql"]).output().unwrap().into();
    assert!(ran.code == 1 && ran.out.starts_with("b.sql:1:19: there is no table 't'"), "{} {}", ran.out, ran.err);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
}

/// Neither a pipe nor a text that begins with a byte order mark was taken for a file of SQL.
#[test]
fn files_that_are_pipes_and_texts_with_a_mark_are_read() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("bom.sql"), "\u{feff}SELECT 1 AS n").unwrap();
    let args = ["--sample", "--format", "csv", "-f", "bom.sql"];
    let ran: Ran = command(directory.path()).args(args).output().unwrap().into();
    assert_eq!((ran.code, ran.out.as_str()), (0, "n\n1\n"), "{}", ran.err);
    let args = ["--sample", "--format", "csv", "-f", "/dev/null"];
    let ran: Ran = command(directory.path()).args(args).output().unwrap().into();
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
}

/// A name behind the columns of SELECT was pointed at with the word SELECT.
#[test]
fn a_wrong_name_anywhere_is_pointed_at() {
    let ran = sample(&["-c", "SELECT category, count(*)\nFROM pins\nGROUP BY category\nORDER BY countt"]);
    assert!(ran.err.starts_with("pinsql: -c:4:10: there is no column 'countt'"), "{}", ran.err);
    let ran = sample(&["-c", "SELECT sum(title) FROM pins"]);
    assert!(ran.code == 1 && !ran.err.contains("bug"), "{}", ran.err);
}

/// Such SQL was taken for a flag; completions panicked when their reader had gone.
#[test]
fn small_things_of_the_command_line() {
    let ran = sample(&["--format", "csv", "-c", "-- a comment\nSELECT 1 AS n"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "n\n1\n"), "{}", ran.err);
    let directory = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran: Ran = command(directory.path()).args(["completions", "bash"]).stdout(full).output().unwrap().into();
    assert!(ran.code == 1 && !ran.err.contains("panicked"), "{}", ran.err);
    let ran = sample(&["-c", "CREATE VIEW v AS SELECT 1 AS x", "-o", "/tmp/pinsql-no-result"]);
    assert!(ran.code == 2 && ran.err.contains("there is no result to write"), "{}", ran.err);
    assert_eq!(sample(&["--threads", "100000", "-c", "SELECT 1"]).code, 2);
}

/// A record at the last offset of all was counted as a row and as an empty object.
#[test]
fn the_last_offset_of_all_is_an_offset() {
    let bucket = Bucket::new();
    bucket.record("pin", i64::MAX, "{\"index\":1}");
    assert_eq!(bucket.csv("SELECT _offset FROM pin_raw"), i64::MAX.to_string());
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_rejects"), "0");
}
