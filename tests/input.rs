//! Whatever lies in a bucket: every record is a row or a reject with a reason, in any layout the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use support::{Bucket, project};

/// Bodies of one record each that are no record of the pin topic, and never a crash.
fn malformed_bodies() -> Vec<Vec<u8>> {
    let good = br#"{"index":1,"unique_id":"u","title":"a \u00e9\\\"b","downloaded":-1.0e0,"tag_list":null}"#;
    let mut bodies = vec![];
    // Cut anywhere before its end.
    bodies.extend((0..good.len()).map(|len| good[..len].to_vec()));
    // Broken anywhere by a byte that is right almost nowhere.
    for at in 0..good.len() {
        bodies.push([&good[..at], b"\x01", &good[at..]].concat());
        bodies.push([&good[..at], b"\xff", &good[at..]].concat());
    }
    // JSON of other kinds, other dialects, other people's ideas.
    let texts = [
        "null",
        "true",
        "0",
        "-1",
        "\"\"",
        "\"{\\\"index\\\":1}\"",
        "[]",
        "[{\"index\":1}]",
        "{}",
        "{\"a\":1}",
        "{\"value\":{\"index\":1}}",
        "{\"index\":{\"index\":1}}",
        "{\"index\":[1]}",
        "{\"index\":1.5}",
        "{\"index\":1e400}",
        "{\"index\":-1e-400}",
        "{\"index\":9223372036854775808}",
        "{\"index\":\"\"}",
        "{\"index\":\" 1\"}",
        "{\"index\":\"1k\"}",
        "{\"index\":true}",
        "{\"index\":NaN}",
        "{\"index\":Infinity}",
        "{\"index\":-Infinity}",
        "{\"index\":0x1}",
        "{\"index\":01}",
        "{\"index\":+1}",
        "{\"index\":.5}",
        "{\"index\":1.}",
        "{\"index\":1e}",
        "{\"index\":--1}",
        "{\"index\":1_000}",
        "{\"index\":}",
        "{\"index\"}",
        "{\"index\" 1}",
        "{index:1}",
        "{'index':1}",
        "{\"index\":'1'}",
        "{\"index\":1,}",
        "{,\"index\":1}",
        "{\"index\":1,,\"title\":\"x\"}",
        "{\"index\":1 \"title\":\"x\"}",
        "{\"index\":1;\"title\":\"x\"}",
        "{\"index\":1}}",
        "{{\"index\":1}",
        "{\"index\":1}{\"index\":2}",
        "{\"index\":1} {\"index\":2}",
        "{\"index\":1},",
        "{\"index\":1} x",
        "x{\"index\":1}",
        "{\"index\":1]",
        "[{\"index\":1}",
        "{\"index\":1,\"title\":\"\u{1}\"}",
        "{\"index\":1,\"title\":\"\u{9}\"}",
        "{\"index\":1,\"title\":\"\\u12\"}",
        "{\"index\":1,\"title\":\"\\u00zz\"}",
        "{\"index\":1,\"title\":\"\\ud800\"}",
        "{\"index\":1,\"title\":\"\\udc00\\ud800\"}",
        "{\"index\":1,\"title\":\"\\a\"}",
        "{\"index\":1,\"title\":\"\\\"}",
        "{\"index\":1,\"title\":[\"x\"]}",
        "{\"index\":1,\"title\":{}}",
        "{\"index\":1,\"extra\":[1,}",
        "{\"index\":1,\"extra\":[1 2]}",
        "{\"index\":1,\"extra\":{\"a\"}}",
        "{\"index\":1,\"extra\":[}",
        "{\"index\":1,\"extra\":tru}",
        "{\"index\":1,\"extra\":nulll}",
        "{\"index\":1 /* one */}",
        "// {\"index\":1}",
        "#",
        "<xml/>",
        "index,title",
        "\u{feff}",
        "\u{feff}\u{feff}{\"index\":1}",
        "\u{0}",
        "{\"index\":1}\u{0}",
        "PAR1",
        "Obj\u{1}",
        "\u{b}{\"index\":1}",
    ];
    bodies.extend(texts.iter().map(|text| text.as_bytes().to_vec()));
    bodies.push(format!("{{\"index\":1,\"extra\":{}", "[".repeat(100_000)).into_bytes());
    bodies.push(format!("{{\"index\":1,\"extra\":{}{}}}", "[".repeat(200), "]".repeat(200)).into_bytes());
    bodies.push("{\"a\":".repeat(100_000).into_bytes());
    bodies
}

#[test]
fn every_malformed_body_is_a_reject_with_a_reason() {
    let bodies = malformed_bodies();
    assert!(bodies.len() >= 300, "{}", bodies.len());
    let bucket = Bucket::new();
    for (offset, body) in bodies.iter().enumerate() {
        bucket.record("pin", offset as i64, body);
    }
    let rows = bucket.csv("SELECT _offset FROM pin_raw");
    let accepted: Vec<_> = rows.lines().map(|line| &bodies[line.parse::<usize>().unwrap()]).collect();
    assert!(accepted.is_empty(), "{:?}", accepted.iter().map(|body| String::from_utf8_lossy(body)).collect::<Vec<_>>());
    let sql = "SELECT count(*), count(DISTINCT \"offset\"), min(length(reason)) > 5, max(length(reason)) < 200, max(line) FROM pin_rejects";
    assert_eq!(bucket.csv(sql), format!("{0},{0},true,true,1", bodies.len()));
}

#[test]
fn what_looks_odd_but_is_right_is_a_row() {
    let bodies: [&[u8]; 9] = [
        b"\xEF\xBB\xBF{\"index\":1}",
        b"\r\n\r\n {\"index\":1}\r\n",
        b"{\"index\":\"1\"}",
        b"{\"index\":1.0}",
        b"{\"index\":7,\"index\":1}",
        b"{\"in\\u0064ex\":1}",
        b"{\"index\":1,\"title\":12}",
        b"{\"index\":1,\"a\":[{\"b\":[[]]}],\"\":{}}",
        b"{\t\"index\" : 1e0 , \"title\":\"\\ud83d\\ude00\" }",
    ];
    let bucket = Bucket::new();
    for (offset, body) in bodies.iter().enumerate() {
        bucket.record("pin", offset as i64, body);
    }
    assert_eq!(bucket.csv("SELECT count(*), sum(\"index\"), max(title) FROM pin_raw"), "9,9,😀");
}

#[test]
fn bodies_that_cannot_be_unpacked_are_rejects() {
    let bucket = Bucket::new();
    let key = |offset: i64| format!("u.pin/partition=0/u.pin+0+{offset:010}.json.gz");
    let whole = std::fs::read(bucket.put(&key(0), "{\"index\":1}\n")).unwrap();
    for (offset, body) in
        [&whole[..whole.len() - 3], b"{\"index\":1}", b"", &[&whole[..], b"junk"].concat()].iter().enumerate()
    {
        std::fs::write(bucket.put(&key(offset as i64 + 1), ""), body).unwrap();
    }
    std::fs::write(bucket.put(&key(9), ""), [&whole[..], &whole[..]].concat()).unwrap();
    assert_eq!(bucket.csv("SELECT count(*) FROM pin_raw"), "3", "one object of one member, one of two");
    assert_eq!(bucket.csv("SELECT count(*), count(DISTINCT \"offset\") FROM pin_rejects"), "4,4");
}

#[test]
fn a_record_of_many_megabytes_is_a_row() {
    let bucket = Bucket::new();
    bucket.record("pin", 0, format!("{{\"index\":1,\"title\":\"{}\"}}", "x".repeat(20 << 20)));
    bucket.record("pin", 1, format!("{{\"index\":1,\"title\":\"{}\"}}", "x".repeat(65 << 20)));
    assert_eq!(bucket.csv("SELECT length(title) FROM pin_raw"), (20 << 20).to_string());
    let reason = bucket.csv("SELECT reason FROM pin_rejects");
    assert!(reason.starts_with("a record of 68157462 bytes"), "{reason}");
}

#[test]
fn one_odd_name_does_not_stop_the_others() {
    let bucket = Bucket::new();
    bucket.record("pin", 0, "{\"index\":1}");
    for odd in ["u.pin+0+x.json", "%2F", "é😀", "u.pin+0+1.json ", "a b", "u.pin+0+0000000009.avro", "\u{1b}[31m"] {
        bucket.put(&format!("u.pin/partition=0/{odd}"), "{\"index\":2}");
    }
    for odd in [
        "f=a+b=%c/u.pin+0+0000000005.json",
        "tombstone/u.pin+0+0000000006.json",
        "year=2021/month=03/u.pin+0+0000000007.json",
    ] {
        bucket.put(&format!("u.pin/{odd}"), "{\"index\":1}");
    }
    use std::os::unix::ffi::OsStrExt;
    let not_utf8 = std::ffi::OsStr::from_bytes(b"u.pin+0+\xff.json");
    std::fs::write(bucket.path().join("topics/u.pin/partition=0").join(not_utf8), "{\"index\":2}").unwrap();
    assert_eq!(bucket.csv("SELECT string_agg(CAST(_offset AS VARCHAR), ' ' ORDER BY _offset) FROM pin_raw"), "0 5 7");
}

/// A way to lay records out: how many partitions, how many records an object, and in which dress.
#[derive(Debug, Clone)]
struct Layout {
    partitions: usize,
    per_object: usize,
    gzip: bool,
    line_end: &'static str,
    last_line_ends: bool,
    by_time: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    (1_usize..4, 1_usize..20, any::<bool>(), prop_oneof![Just("\n"), Just("\r\n")], any::<bool>(), any::<bool>())
        .prop_map(|(partitions, per_object, gzip, line_end, last_line_ends, by_time)| Layout {
            partitions,
            per_object,
            gzip,
            line_end,
            last_line_ends,
            by_time,
        })
}

/// The records of a topic of `testdata/`, as lines.
fn sample_records(kind: &str) -> Vec<String> {
    let count = if kind == "pin" { 60 } else { 40 };
    let record = |i: usize| match kind {
        "pin" => format!(
            "{{\"index\":{i},\"unique_id\":\"79dbcedb-4f96-4fcc-bcb2-70dc82f64{i:03}\",\"title\":\"título {i} \\\"q\\\"\",\
             \"follower_count\":\"{}k\",\"poster_name\":\"p{}\",\"category\":\"{}\"}}",
            i * 7 % 50,
            i % 9,
            ["art", "travel", "quotes"][i % 3]
        ),
        "geo" => format!(
            "{{\"ind\":{i},\"timestamp\":\"20{:02}-03-04 05:06:07\",\"latitude\":1.5,\"longitude\":-{i},\"country\":\"{}\"}}",
            17 + i % 6,
            ["Albania", "Chad"][i % 2]
        ),
        _ => format!(
            "{{\"ind\":{i},\"first_name\":\"A\",\"last_name\":\"B{}\",\"age\":{},\"date_joined\":\"201{}-01-02\"}}",
            i % 11,
            15 + i,
            5 + i % 3
        ),
    };
    (0..count).map(record).collect()
}

impl Layout {
    fn bucket(&self) -> Bucket {
        let bucket = Bucket::new();
        for kind in ["pin", "geo", "user"] {
            let records = sample_records(kind);
            for partition in 0..self.partitions {
                let mine: Vec<_> = records.iter().skip(partition).step_by(self.partitions).cloned().collect();
                for (index, chunk) in mine.chunks(self.per_object).enumerate() {
                    self.put(&bucket, kind, partition, index * self.per_object, chunk);
                }
            }
        }
        bucket
    }

    fn put(&self, bucket: &Bucket, kind: &str, partition: usize, start: usize, chunk: &[String]) {
        let mut body = chunk.join(self.line_end);
        if self.last_line_ends {
            body.push_str(self.line_end);
        }
        let directory =
            if self.by_time { format!("year=2021/hour={:02}", start % 5) } else { format!("partition={partition}") };
        let extension = if self.gzip { ".json.gz" } else { ".json" };
        bucket.put(&format!("u.{kind}/{directory}/u.{kind}+{partition}+{start:010}{extension}"), body);
    }
}

fn all_answers(bucket: &Bucket) -> String {
    let queries = std::fs::read_dir(project().join("sql/queries")).unwrap();
    let mut names: Vec<_> = queries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    let mut args = vec!["--format".to_owned(), "csv".to_owned()];
    args.extend(names.iter().flat_map(|name| ["-f".to_owned(), format!("queries/{name}")]));
    let ran = bucket.pinsql(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    ran.out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_laid_out_differently_give_the_same_answers(layout in layout()) {
        let plain = Layout { partitions: 1, per_object: 1, gzip: false, line_end: "\n", last_line_ends: true, by_time: false };
        prop_assert_eq!(all_answers(&layout.bucket()), all_answers(&plain.bucket()));
    }

    #[test]
    fn a_row_for_each_record_at_its_offset(layout in layout()) {
        let sql = "SELECT _partition, _offset, \"index\" FROM pin_raw ORDER BY \"index\"";
        let rows = layout.bucket().csv(sql);
        let expected = (0..60).map(|i| format!("{},{},{i}", i % layout.partitions, i / layout.partitions));
        prop_assert_eq!(rows, expected.collect::<Vec<_>>().join("\n"));
    }
}
