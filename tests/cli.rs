//! The real binary: exit codes, streams, formats, parameters, errors that point.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use support::{Bucket, Ran, command, pinsql, pinsql_with_input, project};

fn sample(args: &[&str]) -> Ran {
    pinsql(&[&["--sample"], args].concat())
}

#[test]
fn the_first_command_of_the_readme_answers() {
    let ran = sample(&["-f", "queries/top_category.sql"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains(" Albania ") && ran.out.ends_with("(16 rows)\n"), "{}", ran.out);
    assert_eq!(
        ran.err,
        "2 records rejected: SELECT * FROM geo_rejects\n25 records rejected: SELECT * FROM pin_rejects\n"
    );
}

#[test]
fn without_a_source_it_says_what_to_give() {
    let ran = pinsql(&["-c", "SELECT 1"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--source") && ran.err.contains("--sample"), "{}", ran.err);
}

#[test]
fn commands_and_files_run_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("two.sql"), "SELECT 2 AS n; -- and ;\nSELECT ';' AS n;").unwrap();
    let args = ["--sample", "--format", "csv", "-c", "SELECT 1 AS n", "-f", "two.sql", "-c", "SELECT 4 AS n"];
    let ran: Ran = command(directory.path()).args(args).output().unwrap().into();
    assert_eq!(ran.out, "n\n1\nn\n2\nn\n;\nn\n4\n");
    let ran = pinsql_with_input(&["--sample", "--format", "csv", "-f", "-"], "SELECT 5 AS n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "n\n5\n"));
    let ran = pinsql_with_input(&["--sample", "--format", "csv"], "SELECT 6 AS n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "n\n6\n"));
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let missing = "/no/such/directory";
    for (args, code, message) in [
        (&["--sample", "-c", "SELECT nothing"][..], 1, "there is no column 'nothing'"),
        (&["--sample", "-c", "SELECT FROM"], 1, "syntax error"),
        (&["--sample", "-c", "SELECT CAST('x' AS BIGINT)"], 1, "x"),
        (&["--sample", "-f", "no.sql"], 2, "there is no file no.sql"),
        (&["--sample", "--memory", "x", "-c", "SELECT 1"], 2, "memory = 'x' (--memory)"),
        (&["--bogus"], 2, "--bogus"),
        (&["--source", "ftp://x", "-c", "SELECT 1"], 2, "file://"),
        (&["--source", missing, "-c", "SELECT 1"], 3, "there is no directory /no/such/directory"),
        (&["--source", "/proc/version", "-c", "SELECT 1"], 3, "/proc/version is not a directory"),
        (&["--sample", "--max-rejects", "24", "-c", "SELECT count(*) FROM pin_raw"], 4, "25 of 76 records rejected"),
        (&["--sample", "--max-rejects", "1%", "-c", "SELECT count(*) FROM pin_raw"], 4, "allows 1%"),
        (
            &["--sample", "--timeout", "1ms", "-c", "SELECT count(*) FROM range(1,1000000) a, range(1,1000000) b"],
            124,
            "1ms",
        ),
    ] {
        let ran = pinsql(args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{args:?}");
    }
    assert_eq!(sample(&["--max-rejects", "25", "-c", "SELECT count(*) FROM pin_raw"]).code, 0);
    assert_eq!(sample(&["--max-rejects", "50%", "-c", "SELECT count(*) FROM pin_raw"]).code, 0);
}

#[test]
fn what_a_source_lacks_is_said_in_one_line() {
    let bucket = Bucket::new();
    let ran = bucket.pinsql(&["-c", "SELECT * FROM pin_raw"]);
    assert_eq!(ran.code, 3);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("no topic matches '*.pin'") && ran.err.contains("no topic at all"), "{}", ran.err);
    bucket.topic("geo");
    let ran = bucket.pinsql(&["-c", "SELECT * FROM pin_raw"]);
    assert!(ran.code == 3 && ran.err.contains("there are u.geo"), "{}", ran.err);
    bucket.topic("pin");
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_raw"), "0");
    bucket.record("user", 0, r#"{"ind":1}"#);
    // An object that is a directory, or cannot be opened, is named by its key.
    let object = bucket.record("pin", 7, "{}");
    std::fs::remove_file(&object).unwrap();
    std::os::unix::fs::symlink("u.pin+0+0000000007.json", &object).unwrap();
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_raw"), "0", "a link to itself is no object");
}

#[test]
fn the_first_error_ends_a_run_unless_it_is_to_keep_going() {
    let args = ["--format", "csv", "-c", "SELECT 1 AS n", "-c", "SELECT nothing", "-c", "SELECT 3 AS n"];
    let ran = sample(&args);
    assert_eq!((ran.code, ran.out.as_str()), (1, "n\n1\n"));
    let ran = sample(&[&["--keep-going"], &args[..]].concat());
    assert_eq!((ran.code, ran.out.as_str()), (1, "n\n1\nn\n3\n"));
    assert_eq!(ran.err.matches("there is no column").count(), 1, "{}", ran.err);
}

#[test]
fn errors_point_at_what_is_wrong() {
    for (sql, message) in [
        (
            "SELECT title,\n       catgory\nFROM pins",
            "pinsql: -c:2:8: there is no column 'catgory'\n 2 |        catgory\n   |        ^^^^^^^\ndid you mean 'category'?\n",
        ),
        (
            "SELECT * FROM pinz",
            "pinsql: -c:1:15: there is no table 'pinz'\n 1 | SELECT * FROM pinz\n   |               ^^^^\ndid you mean 'pins'?\n",
        ),
        ("SELECT parse_cuont('1')", "did you mean 'parse_count'"),
        ("SELECT 1;\nSELECT * FRM pins;", "pinsql: -c:2:"),
        ("SELECT $x", "parameter $x has no value; give one with -v x=…"),
    ] {
        let ran = sample(&["-c", sql]);
        assert!(ran.err.contains(message), "{sql}:\n{}", ran.err);
    }
}

#[test]
fn parameters_are_bound_and_typed() {
    let years = |args: &[&str]| {
        let file = ["--format", "csv", "-f", "queries/users_joined_by_year.sql"];
        sample(&[&file, args].concat())
    };
    let all = years(&[]).out;
    let some = years(&["-v", "from_year=2016", "-v", "to_year=2016"]).out;
    assert!(all.lines().count() > some.lines().count());
    assert!(some.lines().skip(1).all(|line| line.starts_with("2016,")), "{some}");
    assert_eq!(years(&["-v", "from_year=soon"]).code, 2);
    assert!(years(&["-v", "form_year=2016"]).err.contains("did you mean 'from_year'?"));
    // A value is a value, whatever it looks like.
    let ran = sample(&["--format", "csv", "-c", "SELECT $x AS x", "-v", "x='; DROP TABLE pin_raw; --"]);
    assert_eq!(ran.out, "x\n'; DROP TABLE pin_raw; --\n");
    let ran = sample(&["--format", "csv", "-c", "SELECT \"index\" FROM pin_raw ORDER BY 1 LIMIT $n", "-v", "n=2"]);
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.err);
}

#[test]
fn results_alone_go_to_standard_output_in_every_format() {
    let sql = "SELECT 'a,b' AS t, CAST(NULL AS VARCHAR) AS u, 7 AS n";
    for (format, expected) in [
        ("csv", "t,u,n\n\"a,b\",,7\n"),
        ("tsv", "t\tu\tn\na,b\t\\N\t7\n"),
        ("json", "[{\"t\":\"a,b\",\"u\":null,\"n\":7}]"),
        ("ndjson", "{\"t\":\"a,b\",\"u\":null,\"n\":7}\n"),
    ] {
        let ran = sample(&["--format", format, "-c", sql]);
        assert_eq!(ran.out.trim_end(), expected.trim_end(), "{format}");
        assert_eq!(ran.err, "");
    }
    for (format, part) in [("table", "NULL"), ("markdown", "| a,b |"), ("html", "<td"), ("vertical", "a,b")] {
        let ran = sample(&["--format", format, "-c", sql]);
        assert!(ran.out.contains(part), "{format}: {}", ran.out);
    }
    assert_eq!(sample(&["--format", "csv", "--null", "-", "-c", sql]).out, "t,u,n\n\"a,b\",-,7\n");
    assert_eq!(sample(&["--quiet", "-c", "SELECT count(*) FROM pin_raw"]).err, "");
}

#[test]
fn a_file_appears_only_when_all_is_well() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out.csv");
    let run = |sql: &str| -> Ran {
        let args = ["--sample", "--quiet", "--format", "csv", "-o", "out.csv", "-c", sql];
        command(directory.path()).args(args).output().unwrap().into()
    };
    assert_eq!(run("SELECT 1 AS n").code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "n\n1\n");
    assert_eq!(run("SELECT 2 AS n; SELECT nothing").code, 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "n\n1\n", "the old one stays");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "and nothing else is left");
    let parquet = ["--sample", "-q", "--format", "parquet", "-o", "out.parquet", "-c", "SELECT * FROM pins"];
    assert_eq!(Ran::from(command(directory.path()).args(parquet).output().unwrap()).code, 0);
    assert!(std::fs::read(directory.path().join("out.parquet")).unwrap().starts_with(b"PAR1"));
    let elsewhere: Ran =
        command(directory.path()).args(["--sample", "-c", "SELECT 1", "-o", "no/such/dir/x"]).output().unwrap().into();
    assert!(elsewhere.code == 1 && elsewhere.err.contains("no/such/dir/x"), "{}", elsewhere.err);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let sql = "SELECT value FROM range(1, 3000000)";
    let mut child = command(directory.path())
        .args(["--sample", "--format", "csv", "-c", sql])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), first.as_str(), err.as_str()), (Some(0), "value\n", ""));
}

#[test]
fn own_sql_replaces_the_shipped_and_errors_in_it_point_there() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("mine/views")).unwrap();
    let view = directory.path().join("mine/views/users.sql");
    std::fs::write(&view, "CREATE VIEW users AS SELECT ind, 7 AS age FROM user_raw").unwrap();
    let run = |sql: &str| -> Ran {
        let args = ["--sample", "-q", "--sql-dir", "mine", "--format", "csv", "-c", sql];
        command(directory.path()).args(args).output().unwrap().into()
    };
    // posts reads users.user_name, which this view does not have: the error is at the user of it.
    assert!(run("SELECT 1").err.contains("posts.sql:"), "{}", run("SELECT 1").err);
    let posts = "CREATE VIEW posts AS SELECT ind, age FROM users";
    std::fs::write(directory.path().join("mine/views/posts.sql"), posts).unwrap();
    assert_eq!(run("SELECT DISTINCT age FROM posts").out, "age\n7\n");
    std::fs::write(&view, "CREATE VIEW users AS SELEC").unwrap();
    let ran = run("SELECT 1");
    assert!(ran.code == 1 && ran.err.contains("mine/views/users.sql:1:"), "{}", ran.err);
}

#[test]
fn the_two_rule_sets_differ_where_they_should() {
    let count = |cleaning: &str| {
        let sql = "SELECT count(*) AS pins, count(follower_count) AS counted FROM pins";
        sample(&["-q", "--cleaning", cleaning, "--format", "csv", "-c", sql]).out
    };
    assert_eq!(count("strict"), "pins,counted\n30,30\n");
    assert!(count("keep").starts_with("pins,counted\n40,"));
}

#[test]
fn check_plans_every_statement_and_reads_nothing() {
    let queries = std::fs::read_dir(project().join("sql/queries")).unwrap();
    let names: Vec<_> =
        queries.map(|entry| format!("queries/{}", entry.unwrap().file_name().to_str().unwrap())).collect();
    let args: Vec<_> = ["check"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let ran = pinsql(&args);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let directory = tempfile::tempdir().unwrap();
    let text = "SELECT 1;\nSELECT nothing FROM pins;\nSELECT * FROM nowhere;\n";
    std::fs::write(directory.path().join("bad.sql"), text).unwrap();
    let ran: Ran = command(directory.path()).args(["check", "bad.sql"]).output().unwrap().into();
    assert_eq!(ran.code, 1);
    let places: Vec<_> = ran.out.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["bad.sql:2:8", "bad.sql:3:15"], "{}", ran.out);
}

#[test]
fn config_shows_where_each_value_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pinsql.toml"), "source = \"bucket\"\nthreads = 3\n").unwrap();
    let ran: Ran = command(directory.path())
        .env("PINSQL_FORMAT", "csv")
        .args(["config", "--memory", "1GiB"])
        .output()
        .unwrap()
        .into();
    let line = |name: &str| ran.out.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("source").contains("bucket") && line("source").ends_with("pinsql.toml"), "{}", ran.out);
    assert!(line("format").ends_with("environment PINSQL_FORMAT"), "{}", ran.out);
    assert!(line("memory").contains("1.0 GiB (queries 704.0 MiB, cache 256.0 MiB)"), "{}", ran.out);
    assert!(line("cleaning").ends_with("default"), "{}", ran.out);
}

#[test]
fn sql_writes_nothing_and_reads_no_other_files() {
    for sql in [
        "COPY pins TO '/tmp/pinsql-must-not-exist.csv'",
        "CREATE EXTERNAL TABLE t (a VARCHAR) STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO pin_raw VALUES (1)",
        "SELECT * FROM '/etc/passwd'",
        "EXPLAIN COPY pins TO '/tmp/pinsql-must-not-exist.csv'",
    ] {
        let ran = sample(&["-c", sql]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{sql}: {}", ran.err);
    }
}

#[test]
fn help_has_an_example_for_every_command() {
    for command in
        [&["--help"][..], &["check", "--help"], &["config", "--help"], &["completions", "--help"], &["man", "--help"]]
    {
        let ran = pinsql(command);
        assert!(ran.code == 0 && ran.out.contains("Example") && ran.out.contains("pinsql "), "{command:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(pinsql(&["completions", shell]).out.contains("pinsql"), "{shell}");
    }
    assert!(pinsql(&["man"]).out.contains(".TH"));
}
