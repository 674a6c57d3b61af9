//! Flights byte by byte; servers that speak old TLS are in `tests/it/interop_tls.rs`.

use super::*;
use crate::collect::net::tls::ciphers;

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1], u16::try_from(content.len()).unwrap().to_be_bytes().as_slice(), content].concat()
}

fn long_vector(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[1..], content].concat()
}

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], long_vector(content).as_slice()].concat()
}

fn hello(minor: u8) -> Vec<u8> {
    message(2, &[&[3, minor], [7; 32].as_slice(), &[1, 9], &[0, 0x0A], &[0]].concat())
}

fn certificates(chain: &[&[u8]]) -> Vec<u8> {
    message(11, &long_vector(&chain.iter().flat_map(|der| long_vector(der)).collect::<Vec<u8>>()))
}

/// What comes of bytes that are read in pieces of a size.
fn read(bytes: &[u8], size: usize) -> Result<Option<Handshake>, String> {
    let mut flight = Flight::default();
    for piece in bytes.chunks(size) {
        if let Some(shown) = flight.take(piece).map_err(|error| error.to_string())? {
            return Ok(Some(shown));
        }
    }
    Ok(None)
}

#[test]
fn messages_are_put_together_however_they_are_cut() {
    let messages = [hello(1), certificates(&[b"leaf", b"", &[5; 40_000]])].concat();
    let shown = Handshake {
        protocol: "TLSv1",
        cipher: "TLS_RSA_WITH_3DES_EDE_CBC_SHA".to_owned(),
        openssl_cipher: Some("DES-CBC3-SHA"),
        certificates: [b"leaf".to_vec(), vec![], vec![5; 40_000]].map(Into::into).to_vec(),
    };
    for length in [1, 38, 39, 40, 1000, 1 << 14] {
        // A warning, here that the name is not known, changes nothing.
        let mut records = record(21, &[1, 112]);
        messages.chunks(length).for_each(|piece| records.extend(record(22, piece)));
        if length == 1 {
            assert!(read(&records, 4096).unwrap_err().contains("no end"), "40,000 records");
            continue;
        }
        for size in [1, 5, 4096, usize::MAX] {
            assert!(read(&records, size) == Ok(Some(shown.clone())), "{length} {size}");
        }
        assert_eq!(read(&records[..records.len() - 1], 4096), Ok(None), "{length}");
    }
}

#[test]
fn what_is_no_flight_says_why() {
    let broken = |what: &str| format!("the answer is broken TLS: {what}");
    let early = certificates(&[b"leaf"]);
    for (bytes, error) in [
        (b"SSH-2.0-x\r\n".to_vec(), "what answers is not TLS".to_owned()),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "what answers is not TLS".to_owned()),
        (vec![22, 2], "what answers is not TLS".to_owned()),
        (record(21, &[2, 40]), "alert 40 (HandshakeFailure)".to_owned()),
        (record(21, &[2, 70]), "alert 70 (ProtocolVersion)".to_owned()),
        (record(21, &[1, 0]), "alert 0 (CloseNotify)".to_owned()),
        (record(21, &[2]), broken("an alert of another length")),
        (record(22, &hello(0)), "the server speaks SSL 3.0".to_owned()),
        (record(22, &hello(4)), broken("a version that was not offered")),
        (record(22, &message(2, &[3, 3, 1])), broken("a hello that ends too early")),
        (record(22, &early), broken("a message that has no place before the certificates")),
        (
            record(22, &[hello(3), hello(3)].concat()),
            broken("a message that has no place before the certificates"),
        ),
        (
            record(22, &[hello(3), message(14, &[])].concat()),
            broken("a message that has no place before the certificates"),
        ),
        (record(22, &[hello(3), certificates(&[])].concat()), broken("no certificate")),
        (
            record(22, &[hello(3), message(11, &[0, 0, 9, 1])].concat()),
            broken("certificates of another length"),
        ),
        (
            record(22, &[hello(3), message(11, &[0, 0, 2, 0, 0])].concat()),
            broken("certificates of another length"),
        ),
        (record(23, b"x"), broken("a record that has no place before the certificates")),
        (vec![22, 3, 1, 0xFF, 0xFF], broken("a record that is too long")),
        (record(22, &[0; 1 << 14]).repeat(9), broken("a message that has no place before the certificates")),
        (
            [record(22, &hello(3)), record(22, &[]).repeat(30_000)].concat(),
            broken("no end of the certificates"),
        ),
    ] {
        assert_eq!(read(&bytes, 4096), Err(error), "{:?}", &bytes[..bytes.len().min(40)]);
    }
}

#[test]
fn every_suite_is_there_once() {
    let mut ids: Vec<u16> = ciphers::before_tls13().collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count), (count, 84));
    assert_eq!(Handshake::new("TLSv1.2", 0x0001, vec![]).cipher, "0x0001");
}
