//! The shipped SQL is the test: every query, under both rule sets, over `testdata/`.
//!
//! `PINSQL_BLESS=1 cargo test --test golden` writes the golden files anew. They are CSV, so that
//! `tests/oracle.py`, which knows no SQL, can be compared with them: `.ci/run` does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::{pinsql, project};

const CLEANINGS: [&str; 2] = ["strict", "keep"];

fn golden(cleaning: &str, query: &str) -> PathBuf {
    project().join(format!("testdata/golden/{cleaning}/{query}.csv"))
}

fn answer(source: &[&str], cleaning: &str, query: &str) -> String {
    let file = format!("queries/{query}.sql");
    let ran = pinsql(&[source, &["--cleaning", cleaning, "--format", "csv", "-f", &file]].concat());
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.out
}

fn check(cleaning: &str, query: &str) {
    let bucket = project().join("testdata");
    let answer = answer(&["--source", bucket.to_str().unwrap()], cleaning, query);
    let path = golden(cleaning, query);
    if std::env::var_os("PINSQL_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &answer).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; PINSQL_BLESS=1 writes it, after its content was checked", path.display())
    });
    assert_eq!(answer, expected, "{cleaning}/{query}: PINSQL_BLESS=1 accepts the new answer");
}

macro_rules! golden_tests {
    ($($query:ident),* $(,)?) => {
        const QUERIES: &[&str] = &[$(stringify!($query)),*];
        mod strict { $(#[test] fn $query() { super::check("strict", stringify!($query)); })* }
        mod keep { $(#[test] fn $query() { super::check("keep", stringify!($query)); })* }
    };
}

golden_tests!(
    follower_stats_by_age_group,
    median_followers_by_age_group,
    median_followers_by_join_year,
    median_followers_by_join_year_and_age_group,
    top_category,
    top_category_by_age_group,
    top_category_by_year,
    top_country,
    top_poster_by_country,
    users_joined_by_year,
);

fn stems(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_query_has_its_test_and_no_golden_file_is_an_orphan() {
    let tested: BTreeSet<_> = QUERIES.iter().map(|query| (*query).to_owned()).collect();
    assert_eq!(stems(&project().join("sql/queries")), tested, "sql/queries and the list above differ");
    for cleaning in CLEANINGS {
        assert_eq!(stems(&project().join("testdata/golden").join(cleaning)), tested, "{cleaning}");
    }
}

#[test]
fn the_sample_in_the_binary_is_testdata() {
    for query in QUERIES {
        let expected = std::fs::read_to_string(golden("strict", query)).unwrap();
        assert_eq!(answer(&["--sample"], "strict", query), expected, "{query}");
    }
}

#[test]
fn without_the_cache_the_answers_are_the_same() {
    for query in QUERIES {
        let expected = std::fs::read_to_string(golden("strict", query)).unwrap();
        assert_eq!(answer(&["--sample", "--no-cache"], "strict", query), expected, "{query}");
    }
}
