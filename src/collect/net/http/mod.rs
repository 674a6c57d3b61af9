//! HTTP in two kinds: visits to pages of anybody (`fetch.rs`), and requests to services that we use (`client.rs`).
//!
//! A visit is one `GET` after another along the redirects, each on its own connection, over [`Dialer`] and `tls`, which
//! accepts any certificate. A request to a service goes over a pool of kept connections with checked certificates.
//! Both are bounded in time, bytes and redirects, and both ask the address policy at every connect.
//!
//! ```text
//! fetch.rs     the loop along the redirects          redirect.rs  where a redirect leads, and whether it is followed
//! exchange.rs  one request, one answer (hyper)       coding.rs    the body without gzip, deflate, br, zstd
//! error.rs     why there is no page                  charset.rs   the bytes of a page as text
//! ```
//!
//! [`Dialer`]: super::Dialer

mod charset;
pub mod client;
mod coding;
mod error;
mod exchange;
mod fetch;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod redirect;

pub use error::FetchError;
pub use fetch::{Answer, Connection, FetchLimits, Fetcher, Page, Start, Timings, Visit};

#[cfg(test)]
mod tests;
