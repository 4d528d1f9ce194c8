//! pinsql: SQL over what Kafka Connect's S3 sink leaves in a bucket, one small JSON object per record.
//!
//! The modules in reading order; which may use which is held by `tests/architecture.rs`:
//!
//! 1. [`args`]: what the user typed · [`config`]: what will happen · [`error`]: what can go wrong
//! 2. [`storage`]: where the objects lie · [`topic`]: objects → tables
//! 3. [`catalog`]: the SQL files that declare tables and views · [`script`]: text → statements
//! 4. [`rewrite`]: parameters and hidden columns · [`session`]: the engine · [`distinct`]: its way with
//!    duplicates · [`query`]: statement → sink
//! 5. [`output`]: the formats · [`command`]: what the user can have done

pub mod args;
pub mod catalog;
pub mod command;
pub mod config;
pub mod distinct;
pub mod error;
pub mod output;
pub mod query;
pub mod rewrite;
pub mod script;
pub mod session;
pub mod storage;
pub mod topic;
