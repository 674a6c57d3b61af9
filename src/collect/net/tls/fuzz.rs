//! What `fuzz/` and its seeds call: any bytes as what a server sends. Nothing may panic.

use super::prober::flight::Flight;
use super::subject;

/// Reads a certificate as it is recorded.
pub fn certificate(data: &[u8]) {
    let _ = subject(data);
}

/// Reads what a server answers to the hello of the prober, in pieces of the size that the first byte says.
pub fn flight(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let mut flight = Flight::default();
    for piece in data.chunks(usize::from(size).max(1)) {
        match flight.take(piece) {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return,
        }
    }
}
