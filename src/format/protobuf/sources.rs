//! Resolves a schema's text, or its base64 descriptor, into descriptors.

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

/// The maximum number of imported files; they may import each other in a chain.
const IMPORTS_LIMIT: usize = 300;

/// The maximum nesting depth of braces in a schema's text. Messages are nested at most 32 levels
/// deep (protoc's limit); options have no limit.
const BRACES_LIMIT: usize = 64;

/// A schema's file and all its imports.
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

/// The files of a set written by protoc; the last one is the schema's.
pub(super) fn set(bytes: &[u8]) -> Result<FileDescriptor, SchemaError> {
    shallow(bytes)?;
    let set = FileDescriptorSet::decode(bytes)
        .map_err(|_| SchemaError::new("it is neither a .proto file nor a FileDescriptorSet"))?;
    set.file.iter().try_for_each(known_syntax)?;
    let Some(main) = set.file.last().map(|file| file.name().to_owned()) else {
        return Err(SchemaError::new("the FileDescriptorSet contains no file"));
    };
    guarded(|| {
        let pool = DescriptorPool::from_file_descriptor_set(set).map_err(|error| {
            SchemaError(format!("{error} (was it made with --include_imports?)"))
        })?;
        pool.get_file_by_name(&main).ok_or_else(|| SchemaError(format!("{main} is missing")))
    })
}

/// Compiles the file with this name and all its imports.
pub(super) fn compile(
    resolver: impl FileResolver + 'static,
    main: &str,
) -> Result<FileDescriptor, SchemaError> {
    guarded(|| {
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.open_file(main).map_err(|error| failed(&error))?;
        let pool = compiler.descriptor_pool();
        pool.get_file_by_name(main).ok_or_else(|| SchemaError(format!("{main} is missing")))
    })
}

/// Catches panics of the compiler, which occur for invalid descriptors.
fn guarded<T>(work: impl FnOnce() -> Result<T, SchemaError>) -> Result<T, SchemaError> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(SchemaError::new("the Protocol Buffers compiler failed")))
}

/// The error with its line.
fn failed(error: &Error) -> SchemaError {
    let text = if error.file().is_some() { format!("{error:?}") } else { error.to_string() };
    SchemaError(text.lines().next().unwrap_or_default().to_owned())
}

/// Checks that the compiler supports the file's syntax.
fn known_syntax(file: &FileDescriptorProto) -> Result<(), SchemaError> {
    match file.syntax() {
        "" | "proto2" | "proto3" => Ok(()),
        "editions" => Err(SchemaError::new(EDITIONS)),
        _ => Err(SchemaError::new("its syntax must be proto2 or proto3")),
    }
}

const EDITIONS: &str = "it uses an edition; only proto2 and proto3 are supported";

/// A file given as text or as a base64 descriptor.
pub(super) fn open(name: &str, text: &str) -> Result<File, Error> {
    shallow(text.as_bytes()).map_err(Error::new)?;
    match descriptor(text).map_err(Error::new)? {
        // The name used by its importers.
        Some(descriptor) => {
            Ok(FileDescriptorProto { name: Some(name.to_owned()), ..descriptor }.into())
        }
        None => File::from_source(name, text).map_err(|error| {
            let is_edition = text.lines().any(|line| line.trim_start().starts_with("edition"));
            if is_edition { Error::new(SchemaError::new(EDITIONS)) } else { error }
        }),
    }
}

/// A file's descriptor, if the text is one in base64.
fn descriptor(text: &str) -> Result<Option<FileDescriptorProto>, SchemaError> {
    // A .proto file contains characters that base64 does not have.
    let Ok(bytes) = STANDARD.decode(text.trim()) else { return Ok(None) };
    if bytes.is_empty() {
        return Ok(None);
    }
    shallow(&bytes)?;
    let file = FileDescriptorProto::decode(&*bytes)
        .map_err(|_| SchemaError::new("it is base64, but not of a FileDescriptorProto"))?;
    known_syntax(&file)?;
    Ok(Some(file))
}

/// Whether the text is a base64 descriptor.
pub(super) fn is_descriptor(text: &str) -> bool {
    matches!(descriptor(text), Ok(Some(_)))
}

/// The compiler recurses into braces without a limit.
fn shallow(bytes: &[u8]) -> Result<(), SchemaError> {
    let mut depth = 0_usize;
    for byte in bytes {
        match byte {
            b'{' | b'<' | b'[' => depth += 1,
            b'}' | b'>' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACES_LIMIT {
            let detail = format!("braces must be nested at most {BRACES_LIMIT} levels deep");
            return Err(SchemaError(detail));
        }
    }
    Ok(())
}

/// Files by name, and the built-in ones.
struct Sources(HashMap<String, String>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match self.0.get(name) {
            Some(text) => open(name, text),
            None => built_in(name),
        }
    }
}

/// A file built into compilers and serializers.
pub(super) fn built_in(name: &str) -> Result<File, Error> {
    match known::text(name) {
        Some(text) => File::from_source(name, text),
        None => GoogleFileResolver::new().open_file(name),
    }
}
