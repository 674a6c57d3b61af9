//! domainflow: domain names go in, one joined record per name comes out.
//!
//! Layers, from the ground up; imports go down only, and a test enforces it (`tests/it/structure.rs`):
//!
//! ```text
//! cli                           the commands; a thin user of `embed`
//! embed                         the public API: build, run, status, drain, stop
//! flow  config  lab             flow: the one place where all names meet | settings | a miniature internet
//! spec                          dataflow file -> checked plan; no I/O
//! engine  io                    timely + Tokio, generic | raw records, Kafka and embedded
//! codec  state  collect  join   strangers to one another, each testable alone
//! model error clock units secret telemetry   values and ground
//! ```
//!
//! Where to start reading: ARCHITECTURE.md walks one record through all of them.

pub mod clock;
pub mod codec;
pub mod collect;
pub mod config;
pub mod embed;
pub mod engine;
pub mod error;
pub mod flow;
pub mod io;
pub mod join;
pub mod lab;
pub mod model;
pub mod secret;
pub mod spec;
pub mod state;
pub mod telemetry;
pub mod units;

pub mod cli;
