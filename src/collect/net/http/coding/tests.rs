//! Every coding, whole, cut, broken and as a bomb.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const PAGE: &[u8] = b"<p>hello, page</p>";
const CAP: usize = 1000;
/// [`PAGE`] in brotli, as its own program packs it.
const BROTLI: &str = "214400043c703e68656c6c6f2c20706167653c2f703e03";
/// 100,000,000 times `x` in brotli.
const BROTLI_BOMB: &str = "cfffff7f0024f0e2b14072effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f00120071580\
    0baf7fffcffff074002200e0b40f7fe3fffc1eb014800c46101e862d703";

fn hex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![], Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![], Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(data, 19).unwrap()
}

/// The body and whether it is cut, or why there is none.
fn decoded(coding: &str, sent: &[u8], broken_off: bool) -> Result<(Vec<u8>, bool), String> {
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
    let decoded = decode(&headers, Bytes::copy_from_slice(sent), broken_off, CAP);
    decoded.map(|Decoded { body, truncated }| (body.to_vec(), truncated)).map_err(|error| error.to_string())
}

#[test]
fn every_coding_is_read() {
    for (coding, sent) in [
        ("gzip", gzip(PAGE)),
        ("X-GZip", gzip(PAGE)),
        ("gzip", [gzip(&PAGE[..5]), gzip(&PAGE[5..])].concat()),
        ("gzip", [gzip(PAGE), b"and more".to_vec()].concat()),
        ("identity, gzip", gzip(PAGE)),
        ("deflate", zlib(PAGE)),
        ("deflate", raw_deflate(PAGE)),
        ("br", hex(BROTLI)),
        ("zstd", zstd(PAGE)),
        ("identity", PAGE.to_vec()),
        ("utf-8", PAGE.to_vec()),
        ("", PAGE.to_vec()),
    ] {
        assert_eq!(decoded(coding, &sent, false), Ok((PAGE.to_vec(), false)), "{coding}");
        assert_eq!(decoded(coding, &sent, true), Ok((PAGE.to_vec(), true)), "{coding}");
        assert_eq!(decoded(coding, &[], false), Ok((vec![], false)), "{coding}");
    }
}

#[test]
fn a_bomb_gives_no_more_than_the_cap() {
    let data = vec![b'x'; 10_000_000];
    for (coding, sent) in [
        ("gzip", gzip(&data)),
        ("deflate", zlib(&data)),
        ("deflate", raw_deflate(&data)),
        ("br", hex(BROTLI_BOMB)),
        ("zstd", zstd(&data)),
    ] {
        assert_eq!(decoded(coding, &sent, false), Ok((data[..CAP].to_vec(), true)), "{coding}");
    }
    // As long as the cap is not cut.
    assert_eq!(decoded("gzip", &gzip(&data[..CAP]), false), Ok((data[..CAP].to_vec(), false)));
}

/// They give nothing that a cap could stop.
#[test]
fn empty_members_come_to_an_end() {
    let page_behind = |members: usize| [gzip(b"").repeat(members), gzip(PAGE)].concat();
    assert_eq!(decoded("gzip", &page_behind(99), false), Ok((PAGE.to_vec(), false)));
    assert_eq!(decoded("gzip", &page_behind(100), false), Err("the body is not in gzip".to_owned()));
    let page_before = [gzip(PAGE), gzip(b"").repeat(100)].concat();
    assert_eq!(decoded("gzip", &page_before, false), Ok((PAGE.to_vec(), true)));
}

#[test]
fn windows_beyond_those_of_the_web_are_refused() {
    // A frame of zstd with a window of 1 GiB, and one raw block.
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 0x21, 0, 0][..], b"page"].concat();
    assert_eq!(decoded("zstd", &frame, false), Err("the body is not in zstd".into()));
    // "Large window brotli" with 30 bits.
    let stream = [&[0x11, 30][..], &hex(BROTLI)[1..]].concat();
    assert_eq!(decoded("br", &stream, false), Err("the body is not in br".into()));
}

#[test]
fn what_is_broken_is_kept_as_far_as_it_goes() {
    // What does not pack well, so that half of it gives something.
    let page: Vec<u8> = (0..900u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (coding, sent) in [
        ("gzip", gzip(&page)),
        ("deflate", zlib(&page)),
        ("deflate", raw_deflate(&page)),
        ("zstd", zstd(&page)),
    ] {
        // zstd gives whole blocks only, and this is one.
        let half = decoded(coding, &sent[..sent.len() - 3], true).unwrap();
        assert!(page.starts_with(&half.0) && half.1, "{coding}");
        assert!(coding == "zstd" || half.0.len() > 100, "{coding}: {}", half.0.len());
    }
    let [first, second] = [&page[..300], &page[300..]].map(gzip);
    let spoilt = [&first[..], &second[..10], b"\xff", &second[11..]].concat();
    let (kept, cut) = decoded("gzip", &spoilt, false).unwrap();
    assert!(kept.starts_with(&page[..300]) && cut);
}

#[test]
fn what_is_in_no_such_coding_is_an_error() {
    for (coding, sent, error) in [
        ("gzip", PAGE, "the body is not in gzip"),
        ("deflate", b"\xff\xff page", "the body is not in deflate"),
        ("br", b"\xff\xff page", "the body is not in br"),
        ("zstd", PAGE, "the body is not in zstd"),
        ("gzip, br", PAGE, "the body is coded more than once: \"gzip, br\""),
    ] {
        assert_eq!(decoded(coding, sent, false), Err(error.into()), "{coding}");
    }
    // Nothing of it came, but that is not the coding's fault.
    assert_eq!(decoded("gzip", &gzip(PAGE)[..5], true), Ok((vec![], true)));
}
