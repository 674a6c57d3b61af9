//! Walks encoded bytes along a schema without making values: checks that a part is well formed to its last byte, and
//! finds where its fields lie, so that they can be copied into a joined record.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::Name;
use bytes::BufMut;

/// What a schema says about the layout of bytes.
#[derive(Clone, Debug)]
pub enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Fixed(usize),
    Bytes,
    String,
    Enum(usize),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Vec<Shape>),
}

/// The bytes do not have the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not fit the schema")]
pub struct Malformed;

impl Shape {
    /// The shape of one of our own schemas. They are not recursive and use no other logical type than a time stamp.
    pub fn of(schema: &Schema) -> Self {
        Self::compile(schema, &mut HashMap::new())
    }

    fn compile<'a>(schema: &'a Schema, named: &mut HashMap<&'a Name, Shape>) -> Self {
        match schema {
            Schema::Null => Self::Null,
            Schema::Boolean => Self::Boolean,
            Schema::Int => Self::Int,
            Schema::Long | Schema::TimestampMillis => Self::Long,
            Schema::Float => Self::Fixed(4),
            Schema::Double => Self::Fixed(8),
            Schema::Bytes => Self::Bytes,
            Schema::String => Self::String,
            Schema::Fixed(fixed) => Self::Fixed(fixed.size),
            Schema::Enum(symbols) => Self::Enum(symbols.symbols.len()),
            Schema::Array(array) => Self::Array(Box::new(Self::compile(&array.items, named))),
            Schema::Map(map) => Self::Map(Box::new(Self::compile(&map.types, named))),
            Schema::Union(union) => {
                Self::Union(union.variants().iter().map(|branch| Self::compile(branch, named)).collect())
            }
            Schema::Record(record) => {
                let fields = record.fields.iter().map(|field| Self::compile(&field.schema, named)).collect();
                named.insert(&record.name, Self::Record(fields));
                named[&record.name].clone()
            }
            Schema::Ref { name } => {
                named.get(name).cloned().expect("a derived schema defines a name before it refers to it")
            }
            other => unreachable!("no record of ours uses {other:?}"),
        }
    }

    /// Moves `at` behind one datum of this shape.
    pub fn skip(&self, at: &mut &[u8]) -> Result<(), Malformed> {
        match self {
            Self::Null => Ok(()),
            Self::Boolean => match take(at, 1)? {
                [0 | 1] => Ok(()),
                _ => Err(Malformed),
            },
            Self::Int => i32::try_from(take_long(at)?).map(drop).map_err(|_| Malformed),
            Self::Long => take_long(at).map(drop),
            Self::Fixed(size) => take(at, *size).map(drop),
            Self::Bytes => take_bytes(at).map(drop),
            Self::String => take_text(at).map(drop),
            Self::Enum(symbols) => take_index(at, *symbols).map(drop),
            Self::Array(items) => skip_blocks(at, |at| items.skip(at)),
            Self::Map(values) => skip_blocks(at, |at| {
                take_text(at)?;
                values.skip(at)
            }),
            Self::Union(branches) => branches[take_index(at, branches.len())?].skip(at),
            Self::Record(fields) => fields.iter().try_for_each(|field| field.skip(at)),
        }
    }

    /// Checks that `bytes` is one record of this shape and nothing else; gives the bytes of each of its fields.
    pub fn fields<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, Malformed> {
        let Self::Record(fields) = self else { return Err(Malformed) };
        let mut at = bytes;
        let mut found = Vec::with_capacity(fields.len());
        for field in fields {
            let start = at;
            field.skip(&mut at)?;
            found.push(&start[..start.len() - at.len()]);
        }
        if at.is_empty() { Ok(found) } else { Err(Malformed) }
    }
}

fn take<'a>(at: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = at.split_at_checked(length).ok_or(Malformed)?;
    *at = rest;
    Ok(taken)
}

/// A zigzag varint (Avro 1.12, "Binary Encoding").
pub fn take_long(at: &mut &[u8]) -> Result<i64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(at, 1)?[0];
        if shift == 63 && byte > 1 {
            return Err(Malformed);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Malformed)
}

/// Appends a zigzag varint.
pub fn put_long(to: &mut impl BufMut, value: i64) {
    let mut value = (value << 1 ^ value >> 63) as u64;
    while value >= 0x80 {
        to.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    to.put_u8(value as u8);
}

fn take_index(at: &mut &[u8], count: usize) -> Result<usize, Malformed> {
    usize::try_from(take_long(at)?).ok().filter(|index| *index < count).ok_or(Malformed)
}

fn take_bytes<'a>(at: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(take_long(at)?).map_err(|_| Malformed)?;
    take(at, length)
}

/// A string.
pub fn take_text<'a>(at: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    std::str::from_utf8(take_bytes(at)?).map_err(|_| Malformed)
}

fn skip_blocks(
    at: &mut &[u8],
    mut skip: impl FnMut(&mut &[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    loop {
        let mut count = take_long(at)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            // A negative count is followed by the size of the block in bytes.
            take_long(at)?;
            count = count.checked_neg().ok_or(Malformed)?;
        }
        // Every item of ours takes at least a byte, so a count that lies ends here and not after 2^63 rounds.
        if usize::try_from(count).map_err(|_| Malformed)? > at.len() {
            return Err(Malformed);
        }
        for _ in 0..count {
            skip(at)?;
        }
    }
}
