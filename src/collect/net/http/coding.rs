//! A body without its content coding (RFC 9110 section 8.4): gzip, deflate, br and zstd.
//!
//! Decides what is decoded and how much of it: a body that was read within its cap gives no more than that cap, however
//! well it was packed. It is decoded in one go, so that no more windows are in memory than threads. What cannot be decoded
//! to its end is kept as far as it goes. Which bytes are read: `exchange.rs`.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;

/// The value of `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The greatest window of zstd that a client has to have (RFC 9659): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How a stream of "large window brotli" begins, in 7 bits: not a window size of RFC 7932, but the decoder takes it.
const LARGE_WINDOW: u8 = 0x11;
/// Members of a gzip stream that are read. Each costs a new decoder, also those that give nothing and so meet no cap.
const MOST_MEMBERS: usize = 100;
/// What brotli reads at once.
const BROTLI_BUFFER: usize = 4096;

/// A body without its coding.
#[derive(Debug, Default)]
pub struct Decoded {
    pub body: Bytes,
    /// Whether there is more of it, or might be.
    pub truncated: bool,
}

/// Why nothing of a body can be decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodingError {
    /// The first bytes already are not in the coding that the header names.
    #[error("the body is not in {0}")]
    Broken(Coding),
    /// More than one coding, one inside of the other: nobody needs that but to make work.
    #[error("the body is coded more than once: {0:?}")]
    Nested(String),
}

/// A coding that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, and RFC 1951 without the header, which some servers send.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl std::fmt::Display for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

impl Coding {
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn reader(self, sent: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Gzip => Box::new(Members { current: GzDecoder::new(sent), left: MOST_MEMBERS - 1 }),
            // Its header says deflate with a window of at most 32 KiB; a raw stream does not begin so.
            Self::Deflate if sent.first().is_some_and(|first| first & 0x8f == 8) => {
                Box::new(ZlibDecoder::new(sent))
            }
            Self::Deflate => Box::new(DeflateDecoder::new(sent)),
            // A window of up to 1 GiB, which is no brotli of the web.
            Self::Brotli if sent.first().is_some_and(|first| first & 0x7f == LARGE_WINDOW) => {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(sent, BROTLI_BUFFER)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(sent)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// The members of a gzip stream one after another (RFC 1952 section 2.2), without what some servers put behind the last.
struct Members<'a> {
    current: GzDecoder<&'a [u8]>,
    /// How many may come after it.
    left: usize,
}

impl Read for Members<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(into)?;
            let rest = *self.current.get_ref();
            if read > 0 || into.is_empty() || !rest.starts_with(&[0x1f, 0x8b]) {
                return Ok(read);
            }
            self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            self.current = GzDecoder::new(rest);
        }
    }
}

/// The coding that the headers name. One that is unknown is none, as in browsers: most often it is a charset.
fn coding(headers: &HeaderMap) -> Result<Option<Coding>, CodingError> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut known = named.iter().filter_map(|name| Coding::of(name));
    match (known.next(), known.next()) {
        (_, Some(_)) => Err(CodingError::Nested(named.join(", "))),
        (coding, None) => Ok(coding),
    }
}

/// Decodes what was sent as a body, which `broken_off` says is not all of it, to at most `cap` bytes.
pub fn decode(
    headers: &HeaderMap,
    sent: Bytes,
    broken_off: bool,
    cap: usize,
) -> Result<Decoded, CodingError> {
    let Some(coding) = coding(headers)?.filter(|_| !sent.is_empty()) else {
        return Ok(Decoded { body: sent, truncated: broken_off });
    };
    let mut body = vec![];
    // One byte more tells whether there is more.
    let bound = cap as u64 + 1;
    let ended = coding.reader(&sent).and_then(|reader| reader.take(bound).read_to_end(&mut body));
    if ended.is_err() && body.is_empty() && !broken_off {
        return Err(CodingError::Broken(coding));
    }
    let truncated = broken_off || ended.is_err() || body.len() > cap;
    body.truncate(cap);
    Ok(Decoded { body: body.into(), truncated })
}

#[cfg(test)]
mod tests;
