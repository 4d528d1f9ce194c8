//! What a record and an object cost: decoding a body, and listing a directory of a topic.
//!
//! `cargo bench --bench topic`

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pinsql::storage::{Bucket, LocalBucket};
use pinsql::topic::decode::{DecodePlan, Decoder};
use pinsql::topic::json;
use pinsql::topic::listing::list;

const RECORDS: i64 = 4096;

/// A post of the usual size, about 700 bytes.
fn pin(index: i64) -> String {
    format!(
        "{{\"index\":{index},\"unique_id\":\"79dbcedb-4f96-4fcc-bcb2-{index:012}\",\"title\":\"{}\",\"description\":\"{}\",\
         \"poster_name\":\"A Café – Paris\",\"follower_count\":\"{}k\",\"tag_list\":\"{}\",\"is_image_or_video\":\"image\",\
         \"image_src\":\"https://i.example.org/originals/ae/99/06/{index:032}.jpg\",\"downloaded\":1,\
         \"save_location\":\"Local save in /data/art\",\"category\":\"art\"}}\n",
        "Ten quiet rooms and what they are painted with",
        "A short tour through ten rooms, each in one colour, with the names of the paints and where they came from. "
            .repeat(2),
        index % 1000,
        "Wall Colours,Quiet Rooms,Paint,Small Flats,Before And After,Home,Light,Linen",
    )
}

fn schema() -> Schema {
    let text = [
        "unique_id",
        "title",
        "description",
        "poster_name",
        "follower_count",
        "tag_list",
        "is_image_or_video",
        "image_src",
    ];
    let mut fields = vec![Field::new("index", DataType::Int64, true)];
    fields.extend(text.iter().map(|name| Field::new(*name, DataType::Utf8View, true)));
    fields.push(Field::new("downloaded", DataType::Int64, true));
    fields.extend(["save_location", "category"].iter().map(|name| Field::new(*name, DataType::Utf8View, true)));
    Schema::new(fields)
}

fn decoding(criterion: &mut Criterion) {
    let bodies: Vec<_> = (0..RECORDS).map(pin).collect();
    let bytes: usize = bodies.iter().map(String::len).sum();
    let plan = DecodePlan::new(Arc::new(schema())).unwrap();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function(format!("records of {} bytes into columns", bytes / bodies.len()), |bencher| {
        bencher.iter(|| {
            let mut decoder = Decoder::new(&plan, 8192, RECORDS as usize, false);
            for (place, body) in bodies.iter().enumerate() {
                decoder.object(place as u32, place as i64, body.as_bytes()).unwrap();
            }
            black_box(decoder.finish().unwrap())
        });
    });
    group.bench_function("the check of the JSON alone", |bencher| {
        bencher.iter(|| {
            bodies.iter().for_each(|body| {
                json::read_object(body, |_, value| {
                    black_box(value);
                })
                .unwrap()
            })
        });
    });
    group.bench_function("the same by serde_json", |bencher| {
        bencher.iter(|| {
            for body in &bodies {
                black_box(serde_json::from_str::<serde::de::IgnoredAny>(body).unwrap());
            }
        });
    });
    group.finish();
}

fn listing(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let partition = directory.path().join("u.pin/partition=0");
    std::fs::create_dir_all(&partition).unwrap();
    for offset in 0..RECORDS {
        std::fs::write(partition.join(format!("u.pin+0+{offset:010}.json")), "").unwrap();
    }
    let bucket = LocalBucket::new("bench", directory.path());
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("names of a directory", |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            bucket.list("u.pin/partition=0", &mut |_, _| count += 1).unwrap();
            assert_eq!(count, RECORDS);
        });
    });
    group.bench_function("objects of a topic", |bencher| {
        bencher.iter(|| black_box(list(&bucket, "pin_raw", "*.pin").unwrap()));
    });
    group.finish();
}

criterion_group!(benches, decoding, listing);
criterion_main!(benches);
