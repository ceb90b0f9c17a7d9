//! The format of records: `format`, `schema_file` and `message` of a mapping.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use super::table::Table;
use crate::{
    format::{Format, Kind, Reading, Schema, SchemaError, avro, protobuf},
    order::MappingSettings,
};

const FORMAT: &str = "format";
const FILE: &str = "schema_file";
const MESSAGE: &str = "message";

/// The limit for files: larger than any schema, smaller than most files named by mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The reading of records by these settings, which are those of `table`. `None` only if there is a
/// problem.
pub(super) fn reading(
    table: &mut Table<'_>,
    settings: &MappingSettings,
    has_registry: bool,
) -> Option<Reading> {
    let MappingSettings { format, schema_file, message, .. } = settings;
    let mut refuse = |key: &str, text: &str| {
        table.problem(key, text);
        None
    };
    match (format, schema_file, message) {
        (Format::Of(Kind::Avro), Some(_), Some(_)) => {
            refuse(MESSAGE, "applies only to format = \"protobuf\": remove it")
        }
        (Format::Of(kind @ (Kind::Avro | Kind::Protobuf)), Some(file), _) => {
            match schema(*kind, file, message.as_deref()) {
                Ok(schema) => Some(Reading::By(Arc::new(schema))),
                Err(error) => refuse(FILE, &format!("({file}): {error}")),
            }
        }
        (_, Some(_), _) => refuse(FILE, "needs format = \"avro\" or \"protobuf\""),
        (_, None, Some(_)) => refuse(MESSAGE, "needs schema_file"),
        (Format::Auto, None, None) if has_registry => Some(Reading::Either),
        (Format::Auto | Format::Json, None, None) => Some(Reading::Json),
        (Format::Of(Kind::Avro), None, None) if !has_registry => {
            refuse(FORMAT, "is \"avro\", which needs registry.url or schema_file")
        }
        (Format::Of(Kind::Protobuf), None, None) if !has_registry => {
            refuse(FORMAT, "is \"protobuf\", which needs registry.url or schema_file")
        }
        (Format::Of(kind), None, None) => Some(Reading::Framed(*kind)),
    }
}

fn schema(kind: Kind, file: &str, message: Option<&str>) -> Result<Schema, SchemaError> {
    let path = Path::new(file);
    match kind {
        Kind::Protobuf => protobuf::Schema::of_files(path, message).map(Schema::Protobuf),
        Kind::Avro | Kind::JsonSchema => {
            let mut text = String::new();
            let read = File::open(path)
                .and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text));
            read.map_err(SchemaError::new)?;
            avro::Schema::compile(&text, &[]).map(Schema::Avro)
        }
    }
}
