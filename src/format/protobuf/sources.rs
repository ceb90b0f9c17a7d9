//! From a schema's text, or its descriptor in base64, to resolved descriptors.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::{
    DescriptorPool, FileDescriptor,
    prost::Message as _,
    prost_types::{FileDescriptorProto, FileDescriptorSet},
};
use protox::{
    Compiler, Error,
    file::{File, FileResolver, GoogleFileResolver},
};

use super::known;
use crate::format::{Import, SchemaError};

/// How many files a schema may import; they may import each other in a row.
const IMPORTS_LIMIT: usize = 300;

/// How deep braces may nest in a schema's text. Messages nest at most 32 deep (protoc's own limit);
/// options have no limit of their own.
const BRACES_LIMIT: usize = 64;

/// A schema's own file, and all that it imports.
pub(super) fn file(text: &str, imports: &[Import]) -> Result<FileDescriptor, SchemaError> {
    if imports.len() > IMPORTS_LIMIT {
        let detail = format!("a schema must import at most {IMPORTS_LIMIT} files");
        return Err(SchemaError(detail));
    }
    let mut files: HashMap<String, String> =
        imports.iter().map(|import| (import.name.clone(), import.text.clone())).collect();
    let mut main = "schema.proto".to_owned();
    while files.contains_key(&main) {
        main.insert(0, '_');
    }
    files.insert(main.clone(), text.to_owned());
    compile(Sources(files), &main)
}

/// The files of a set that protoc wrote, the last of which is the schema's own.
pub(super) fn set(bytes: &[u8]) -> Result<FileDescriptor, SchemaError> {
    shallow(bytes)?;
    let set = FileDescriptorSet::decode(bytes)
        .map_err(|_| SchemaError::new("it is neither a .proto file nor a FileDescriptorSet"))?;
    set.file.iter().try_for_each(known_syntax)?;
    let Some(main) = set.file.last().map(|file| file.name().to_owned()) else {
        return Err(SchemaError::new("the FileDescriptorSet holds no file"));
    };
    guarded(|| {
        let pool = DescriptorPool::from_file_descriptor_set(set).map_err(|error| {
            SchemaError(format!("{error} (was it made with --include_imports?)"))
        })?;
        pool.get_file_by_name(&main).ok_or_else(|| SchemaError(format!("{main} is not there")))
    })
}

/// Compiles the file of this name and all that it imports.
pub(super) fn compile(
    resolver: impl FileResolver + 'static,
    main: &str,
) -> Result<FileDescriptor, SchemaError> {
    guarded(|| {
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.open_file(main).map_err(|error| failed(&error))?;
        let pool = compiler.descriptor_pool();
        pool.get_file_by_name(main).ok_or_else(|| SchemaError(format!("{main} is not there")))
    })
}

/// The compiler has been seen to panic at descriptors that break its rules.
fn guarded<T>(work: impl FnOnce() -> Result<T, SchemaError>) -> Result<T, SchemaError> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(SchemaError::new("the compiler of Protocol Buffers failed at it")))
}

/// What is wrong, with the line where it stands.
fn failed(error: &Error) -> SchemaError {
    let text = if error.file().is_some() { format!("{error:?}") } else { error.to_string() };
    SchemaError(text.lines().next().unwrap_or_default().to_owned())
}

/// Whether the compiler knows the file's syntax.
fn known_syntax(file: &FileDescriptorProto) -> Result<(), SchemaError> {
    match file.syntax() {
        "" | "proto2" | "proto3" => Ok(()),
        "editions" => Err(SchemaError::new(EDITIONS)),
        _ => Err(SchemaError::new("its syntax must be proto2 or proto3")),
    }
}

const EDITIONS: &str = "it is written in an edition; only proto2 and proto3 are supported";

/// A file of text, or of a descriptor in base64.
pub(super) fn open(name: &str, text: &str) -> Result<File, Error> {
    shallow(text.as_bytes()).map_err(Error::new)?;
    match descriptor(text).map_err(Error::new)? {
        // Its importers know it by this name.
        Some(descriptor) => {
            Ok(FileDescriptorProto { name: Some(name.to_owned()), ..descriptor }.into())
        }
        None => File::from_source(name, text).map_err(|error| {
            let is_edition = text.lines().any(|line| line.trim_start().starts_with("edition"));
            if is_edition { Error::new(SchemaError::new(EDITIONS)) } else { error }
        }),
    }
}

/// A file's descriptor, where the text is one in base64.
fn descriptor(text: &str) -> Result<Option<FileDescriptorProto>, SchemaError> {
    // A .proto file has signs in it that base64 does not have.
    let Ok(bytes) = STANDARD.decode(text.trim()) else { return Ok(None) };
    if bytes.is_empty() {
        return Ok(None);
    }
    shallow(&bytes)?;
    let file = FileDescriptorProto::decode(&*bytes)
        .map_err(|_| SchemaError::new("it is base64, and not of a FileDescriptorProto"))?;
    known_syntax(&file)?;
    Ok(Some(file))
}

/// Whether the text is a descriptor in base64.
pub(super) fn is_descriptor(text: &str) -> bool {
    matches!(descriptor(text), Ok(Some(_)))
}

/// The compiler goes down into braces without a limit.
fn shallow(bytes: &[u8]) -> Result<(), SchemaError> {
    let mut depth = 0_usize;
    for byte in bytes {
        match byte {
            b'{' | b'<' | b'[' => depth += 1,
            b'}' | b'>' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACES_LIMIT {
            let detail = format!("braces must nest at most {BRACES_LIMIT} deep");
            return Err(SchemaError(detail));
        }
    }
    Ok(())
}

/// Files by their names, and those that need no registering.
struct Sources(HashMap<String, String>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match self.0.get(name) {
            Some(text) => open(name, text),
            None => built_in(name),
        }
    }
}

/// A file that every compiler and serializer has.
pub(super) fn built_in(name: &str) -> Result<File, Error> {
    match known::text(name) {
        Some(text) => File::from_source(name, text),
        None => GoogleFileResolver::new().open_file(name),
    }
}
