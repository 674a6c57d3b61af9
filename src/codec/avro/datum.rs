//! One datum: our own schema by the direct serde path (eight times cheaper), any other through a value and resolution.

use std::io::Write;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;

use super::resolve::Resolution;
use crate::codec::{DecodeError, SchemaId, Wire};

/// Reads a datum that was written with our schema of `T`, to its last byte.
pub fn read_ours<T: Wire>(datum: &[u8]) -> Result<T, DecodeError> {
    let mut rest = datum;
    let record = T::datum_reader().read_deser(&mut rest).map_err(DecodeError::malformed)?;
    match rest {
        [] => Ok(record),
        rest => Err(DecodeError::malformed(format!("{} bytes too many", rest.len()))),
    }
}

/// Appends the datum of `record` to `to`.
pub fn write_ours<T: Wire>(record: &T, to: &mut impl Write) -> Result<(), DecodeError> {
    T::datum_writer().write_ser(to, record).map(drop).map_err(DecodeError::malformed)
}

/// A schema that is not ours.
pub struct Foreign {
    id: SchemaId,
    schema: Schema,
}

impl Foreign {
    pub fn new(id: SchemaId, schema: Schema) -> Self {
        Self { id, schema }
    }

    /// Reads a datum that was written with this schema as our `T`.
    pub fn read<T: Wire>(&self, datum: &[u8]) -> Result<T, DecodeError> {
        let mut rest = datum;
        let as_written = GenericDatumReader::builder(&self.schema)
            .human_readable(false)
            .build()
            .map_err(|error| DecodeError::incompatible(self.id, error))?;
        let value = as_written.read_value(&mut rest).map_err(DecodeError::malformed)?;
        if !rest.is_empty() {
            return Err(DecodeError::malformed(format!("{} bytes too many", rest.len())));
        }
        let resolution = Resolution::new(&self.schema, T::schema())
            .map_err(|error| DecodeError::incompatible(self.id, error))?;
        let value = resolution.resolve(value).map_err(|error| DecodeError::incompatible(self.id, error))?;
        apache_avro::from_value(&value).map_err(|error| DecodeError::incompatible(self.id, error))
    }
}
