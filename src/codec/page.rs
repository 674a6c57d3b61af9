//! Cutting the page of an encoded TLS result, or of the one in a joined record: the page is the only field of a record that a
//! stranger makes as long as it likes. All other bytes stay as they are, and nothing is decoded.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::avro::{Malformed, Shape, put_long, take_long, take_text};
use super::framing::FRAME;
use super::{Format, Wire};
use crate::model::{AllCollectedData, TLSResult};

/// Places of the TLS result in a joined record, and of the page in a TLS result.
const TLS_FIELD: usize = 2;
const PAGE_FIELD: usize = 4;

/// Avro's encoding of the second branch of `["null", T]`.
const SOME: i64 = 1;

/// Cuts the pages of one topic, whose values we write ourselves.
#[derive(Clone)]
pub struct PageCutter {
    format: Format,
    /// The shape of a joined record, if that is what the topic carries.
    joined: Option<Shape>,
    result: Shape,
}

/// A page inside of a value.
struct Found<'a> {
    /// Where its encoding is, with what tells its length.
    whole: Range<usize>,
    /// The text as it is encoded.
    text: &'a str,
}

impl PageCutter {
    /// For a topic of TLS results.
    pub fn of_results(format: Format) -> Self {
        Self { format, joined: None, result: Shape::of(TLSResult::schema()) }
    }

    /// For a topic of joined records.
    pub fn of_joined(format: Format) -> Self {
        Self { joined: Some(Shape::of(AllCollectedData::schema())), ..Self::of_results(format) }
    }

    /// The value with its page shorter by at least `excess` bytes, or empty if it has not so many. `None` if there is
    /// nothing to cut.
    pub fn cut(&self, value: &[u8], excess: usize) -> Option<Vec<u8>> {
        let Found { whole, text } = match self.format {
            Format::Avro => self.in_avro(value).ok().flatten()?,
            Format::Json => self.in_json(value)?,
        };
        if text.is_empty() {
            return None;
        }
        let most = text.len().saturating_sub(excess);
        let mut cut = Vec::with_capacity(value.len() - (text.len() - most));
        cut.extend_from_slice(&value[..whole.start]);
        match self.format {
            Format::Avro => {
                let kept = &text[..text.floor_char_boundary(most)];
                put_long(&mut cut, SOME);
                put_long(&mut cut, kept.len() as i64);
                cut.extend_from_slice(kept.as_bytes());
            }
            Format::Json => {
                cut.push(b'"');
                cut.extend_from_slice(&text.as_bytes()[..whole_characters(text, most)]);
                cut.push(b'"');
            }
        }
        cut.extend_from_slice(&value[whole.end..]);
        Some(cut)
    }

    fn in_avro<'a>(&self, value: &'a [u8]) -> Result<Option<Found<'a>>, Malformed> {
        let mut start = FRAME;
        let mut result = value.get(FRAME..).ok_or(Malformed)?;
        if let Some(joined) = &self.joined {
            let (at, mut field) = field(joined, result, TLS_FIELD)?;
            let length = field.len();
            if take_long(&mut field)? != SOME {
                return Ok(None);
            }
            start += at + length - field.len();
            result = field;
        }
        let (at, mut page) = field(&self.result, result, PAGE_FIELD)?;
        let whole = start + at..start + at + page.len();
        if take_long(&mut page)? != SOME {
            return Ok(None);
        }
        Ok(Some(Found { whole, text: take_text(&mut page)? }))
    }

    fn in_json<'a>(&self, value: &'a [u8]) -> Option<Found<'a>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Joined<'a> {
            #[serde(borrow)]
            tls_result: Option<Tls<'a>>,
        }
        #[derive(Deserialize)]
        struct Tls<'a> {
            #[serde(borrow)]
            html: Option<&'a RawValue>,
        }

        let json = std::str::from_utf8(value).ok()?;
        let tls: Tls<'_> = match self.joined {
            Some(_) => serde_json::from_str::<Joined<'_>>(json).ok()?.tls_result?,
            None => serde_json::from_str(json).ok()?,
        };
        let page = tls.html?.get();
        // It is borrowed from the value.
        let start = page.as_ptr().addr() - json.as_ptr().addr();
        let text = page.strip_prefix('"')?.strip_suffix('"')?;
        Some(Found { whole: start..start + page.len(), text })
    }
}

/// Where field `index` of a record lies in its bytes, and the field.
fn field<'a>(shape: &Shape, record: &'a [u8], index: usize) -> Result<(usize, &'a [u8]), Malformed> {
    let fields = shape.fields(record)?;
    let at = fields[..index].iter().map(|field| field.len()).sum();
    Ok((at, fields[index]))
}

/// Bytes of the longest beginning of a JSON string's inside that ends between characters and has at most `most` bytes.
fn whole_characters(text: &str, most: usize) -> usize {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let next =
            at + if character == '\\' { escaped(&text.as_bytes()[at..]) } else { character.len_utf8() };
        if next > most {
            break;
        }
        at = next;
    }
    at
}

/// Bytes of the escape sequence at the start of `text` (RFC 8259, section 7): two of UTF-16 make one character.
fn escaped(text: &[u8]) -> usize {
    match text {
        [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', _, _, b'\\', b'u', ..] => 12,
        [b'\\', b'u', ..] => 6,
        _ => 2,
    }
}
