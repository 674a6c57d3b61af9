//! What was written with one schema, as another one has it (Avro 1.12, "Schema Resolution").
//!
//! apache-avro forgets which branch of a union was written, and takes the first that the value could be: a round-trip time
//! with a field more became a location with all of its fields missing. So unions, and what holds them, are resolved here;
//! single values by apache-avro. Aliases of types are not followed, those of fields are.

use std::collections::HashMap;
use std::mem::discriminant;

use apache_avro::schema::{Name, RecordField, RecordSchema, ResolvedSchema, UnionSchema};
use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value;
use apache_avro::{AvroResult, Schema};

/// Why a value cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// By a rule of apache-avro.
    #[error(transparent)]
    Avro(#[from] apache_avro::Error),
    /// A field is missing, and has no default.
    #[error("the field {0} is missing and has no default")]
    Missing(String),
    /// The types do not go together.
    #[error("a value of the type {0} is not one of the reader's")]
    Type(String),
}

/// The two schemas that a value is between.
pub struct Resolution<'s> {
    writer: &'s Schema,
    reader: &'s Schema,
    of_writer: HashMap<Name, &'s Schema>,
    of_reader: HashMap<Name, &'s Schema>,
}

impl<'s> Resolution<'s> {
    /// From values of `writer` to those of `reader`.
    pub fn new(writer: &'s Schema, reader: &'s Schema) -> AvroResult<Self> {
        let names = |schema| Ok::<_, apache_avro::Error>(ResolvedSchema::new(schema)?.get_names().clone());
        Ok(Self { writer, reader, of_writer: names(writer)?, of_reader: names(reader)? })
    }

    /// A value that was read with the writer's schema, as the reader's has it.
    pub fn resolve(&self, value: Value) -> Result<Value, Unresolved> {
        self.between(value, self.writer, self.reader)
    }

    fn between(&self, value: Value, writer: &Schema, reader: &Schema) -> Result<Value, Unresolved> {
        let (writer, reader) = (defined(&self.of_writer, writer), defined(&self.of_reader, reader));
        match (value, writer, reader) {
            (Value::Union(branch, value), Schema::Union(writer), reader) => {
                // The value was read with this schema, so the branch is one of it.
                let written = writer.get_variant(branch as usize)?;
                self.between(*value, written, reader)
            }
            (value, writer, Schema::Union(reader)) => {
                let (branch, schema) = self.branch(writer, reader).ok_or_else(|| refused(writer))?;
                Ok(Value::Union(branch, Box::new(self.between(value, writer, schema)?)))
            }
            (Value::Record(values), Schema::Record(writer), Schema::Record(reader)) => {
                self.record(values, writer, reader)
            }
            (Value::Array(items), Schema::Array(writer), Schema::Array(reader)) => {
                let items = items.into_iter().map(|item| self.between(item, &writer.items, &reader.items));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            (Value::Map(items), Schema::Map(writer), Schema::Map(reader)) => {
                let item = |(key, item)| Ok((key, self.between(item, &writer.types, &reader.types)?));
                Ok(Value::Map(items.into_iter().map(item).collect::<Result<_, Unresolved>>()?))
            }
            (_, Schema::Record(_) | Schema::Array(_) | Schema::Map(_), _) => Err(refused(writer)),
            (value, _, reader) => Ok(value.resolve(reader)?),
        }
    }

    fn record(
        &self,
        mut values: Vec<(String, Value)>,
        writer: &RecordSchema,
        reader: &RecordSchema,
    ) -> Result<Value, Unresolved> {
        let mut fields = Vec::with_capacity(reader.fields.len());
        for field in &reader.fields {
            let value = match place(writer, field) {
                Some(index) => {
                    // Each is taken once: names are unique, and a value may be as large as a page.
                    let value = std::mem::replace(&mut values[index].1, Value::Null);
                    self.between(value, &writer.fields[index].schema, &field.schema)?
                }
                None => {
                    let missing = || Unresolved::Missing(field.name.clone());
                    self.default(field.default.as_ref().ok_or_else(missing)?, &field.schema)?
                }
            };
            fields.push((field.name.clone(), value));
        }
        Ok(Value::Record(fields))
    }

    /// A default, which is of the first branch where its field is a union.
    fn default(&self, json: &serde_json::Value, schema: &Schema) -> Result<Value, Unresolved> {
        match defined(&self.of_reader, schema) {
            Schema::Union(union) => Ok(Value::Union(0, Box::new(self.default(json, union.get_variant(0)?)?))),
            schema => Ok(Value::try_from(json.clone())?.resolve_schemata(schema, vec![self.reader])?),
        }
    }

    /// The branch of the reader for a type of the writer: the same type, by name if it has one, else one that it widens to.
    fn branch<'u>(&self, writer: &Schema, reader: &'u UnionSchema) -> Option<(u32, &'u Schema)> {
        let same = |branch: &Schema| {
            let branch = defined(&self.of_reader, branch);
            let name = |schema: &Schema| schema.name().map(|name| name.name().to_owned());
            discriminant(writer) == discriminant(branch) && name(writer) == name(branch)
        };
        let widens = |branch: &Schema| SchemaCompatibility::can_read(writer, branch).is_ok();
        let find = |fits: &dyn Fn(&Schema) -> bool| reader.variants().iter().position(fits);
        let index = find(&same).or_else(|| find(&widens))?;
        Some((u32::try_from(index).ok()?, &reader.variants()[index]))
    }
}

/// Where the writer has the field that a reader's field is read from: that of its name, else of one of its aliases.
pub fn place(writer: &RecordSchema, field: &RecordField) -> Option<usize> {
    let mut names = std::iter::once(&field.name).chain(&field.aliases);
    names.find_map(|name| writer.fields.iter().position(|written| written.name == *name))
}

/// The definition of a type that is only named.
pub fn defined<'s>(names: &HashMap<Name, &'s Schema>, schema: &'s Schema) -> &'s Schema {
    match schema {
        Schema::Ref { name } => names.get(name).copied().unwrap_or(schema),
        schema => schema,
    }
}

fn refused(writer: &Schema) -> Unresolved {
    Unresolved::Type(super::type_of(writer))
}
