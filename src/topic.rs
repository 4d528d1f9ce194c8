//! The topic source: what Kafka Connect left in a bucket, as tables.
//!
//! Forward only: names ([`key`]) → which objects ([`listing`]) → runs of objects ([`pack`]) → bodies
//! and what they hold ([`read`], [`json`], [`field`](self), [`decode`]) → what is kept ([`cache`]) →
//! columns ([`columns`]) → the scan ([`scan`]) → tables ([`table`]).

pub mod cache;
pub mod columns;
pub mod decode;
mod field;
pub mod json;
pub mod key;
pub mod listing;
pub mod pack;
pub mod read;
pub mod scan;
pub mod table;
