//! Values of one topic: bytes to records and back, in the topic's format.

use std::marker::PhantomData;

use bytes::Bytes;

use super::avro::{read_ours, write_ours};
use super::framing::{frame, open};
use super::{DecodeError, Format, Known, RegistryError, SchemaId, Schemas, Wire};

/// Reads and writes the values of a topic that carries records of `T`.
pub struct TopicCodec<T> {
    format: Form,
    record: PhantomData<fn() -> T>,
}

#[derive(Clone)]
enum Form {
    Avro { schemas: Schemas, ours: SchemaId },
    Json,
}

impl<T> Clone for TopicCodec<T> {
    fn clone(&self) -> Self {
        Self { format: self.format.clone(), record: PhantomData }
    }
}

impl<T: Wire> TopicCodec<T> {
    /// The codec of `topic`. For Avro our schema is registered under the topic's subject.
    pub async fn new(format: Format, topic: &str, schemas: &Schemas) -> Result<Self, RegistryError> {
        let format = match format {
            Format::Json => Form::Json,
            Format::Avro => {
                Form::Avro { schemas: schemas.clone(), ours: schemas.register::<T>(topic).await? }
            }
        };
        Ok(Self { format, record: PhantomData })
    }

    /// The format of the topic.
    pub fn format(&self) -> Format {
        match self.format {
            Form::Avro { .. } => Format::Avro,
            Form::Json => Format::Json,
        }
    }

    /// Reads a value. Waits for the registry when the writer's schema is new.
    pub async fn decode(&self, value: &[u8]) -> Result<T, DecodeError> {
        match &self.format {
            Form::Json => T::from_json(value),
            Form::Avro { schemas, ours } => {
                let (id, datum) = open(value)?;
                if id == *ours {
                    return read_ours(datum);
                }
                match schemas.learn::<T>(id).await {
                    Known::Ours => read_ours(datum),
                    Known::Foreign(foreign) => foreign.read(datum),
                    Known::Unknown => Err(DecodeError::UnknownSchema(id)),
                }
            }
        }
    }

    /// Writes a value.
    pub fn encode(&self, record: &T) -> Result<Bytes, DecodeError> {
        match &self.format {
            Form::Json => record.to_json().map(Bytes::from),
            Form::Avro { ours, .. } => {
                let mut value = frame(*ours).to_vec();
                write_ours(record, &mut value)?;
                Ok(value.into())
            }
        }
    }
}
