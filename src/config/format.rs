//! How records are read: `format`, `schema_file` and `message` of a mapping.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use super::mapping::Table;
use crate::format::{Format, Kind, Reading, Schema, SchemaError, avro, protobuf};

const FORMAT: &str = "format";
const FILE: &str = "schema_file";
const MESSAGE: &str = "message";

/// More than any schema has, less than a file named by mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// How the records of a mapping are read. `None` only if a problem was noted.
pub(super) fn reading(table: &mut Table<'_>, has_registry: bool) -> Option<Reading> {
    let format = table.choice(
        FORMAT,
        &[
            ("auto", Format::Auto),
            ("json", Format::Json),
            ("avro", Format::Of(Kind::Avro)),
            ("protobuf", Format::Of(Kind::Protobuf)),
            ("json_schema", Format::Of(Kind::JsonSchema)),
        ],
    );
    let file = table.text(FILE);
    let message = table.text(MESSAGE);
    if table.has_failed() {
        return None;
    }
    let format = format.unwrap_or_default();
    let by_file = match (format, file) {
        (_, None) => None,
        (Format::Of(Kind::Avro), Some(_)) if message.is_some() => {
            table.problem(MESSAGE, "is for format = \"protobuf\": remove it");
            return None;
        }
        (Format::Of(kind @ (Kind::Avro | Kind::Protobuf)), Some(file)) => Some((kind, file)),
        (Format::Auto | Format::Json | Format::Of(Kind::JsonSchema), Some(_)) => {
            table.problem(FILE, "needs format = \"avro\" or \"protobuf\"");
            return None;
        }
    };
    match (format, by_file) {
        (_, Some((kind, file))) => match schema(kind, &file, message.as_deref()) {
            Ok(schema) => Some(Reading::By(Arc::new(schema))),
            Err(error) => {
                table.problem(FILE, &format!("names {file}, and: {error}"));
                None
            }
        },
        (_, None) if message.is_some() => {
            table.problem(MESSAGE, "needs schema_file");
            None
        }
        (Format::Auto, _) if has_registry => Some(Reading::Either),
        (Format::Auto | Format::Json, _) => Some(Reading::Json),
        (Format::Of(kind @ (Kind::Avro | Kind::Protobuf)), _) if !has_registry => {
            let name = if kind == Kind::Avro { "avro" } else { "protobuf" };
            let text = format!("is {name:?}, which needs registry.url or schema_file");
            table.problem(FORMAT, &text);
            None
        }
        (Format::Of(kind), _) => Some(Reading::Framed(kind)),
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
