//! What `fuzz/` and its seeds call: any bytes as what a server sends. Nothing may panic.

use super::subject;

/// Reads a certificate as it is recorded.
pub fn certificate(data: &[u8]) {
    let _ = subject(data);
}
