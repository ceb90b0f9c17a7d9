//! Schemas in files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::{
    Error,
    file::{File, FileResolver},
};

use super::sources;
use crate::format::SchemaError;

/// The maximum number of messages listed in an error.
const NAMED_LIMIT: usize = 20;

/// The schema at `path`, with all its imports.
pub(super) fn open(path: &Path) -> Result<FileDescriptor, SchemaError> {
    let bytes = fs::read(path)
        .map_err(|error| SchemaError::new(format!("cannot read the file: {error}")))?;
    let is_text = path.extension().is_some_and(|it| it == "proto");
    if !is_text && let Ok(file) = sources::set(&bytes) {
        return Ok(file);
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(SchemaError::new("it is neither a .proto file nor a FileDescriptorSet"));
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("schema.proto").to_owned();
    let folders = path.ancestors().skip(1).map(|folder| {
        // The directory of a bare file name.
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
    });
    sources::compile(Folders { main: (name.clone(), text), folders: folders.collect() }, &name)
}

/// The message with this full or simple name; without a name, the only top-level message.
pub(super) fn choose(
    file: &FileDescriptor,
    name: Option<&str>,
) -> Result<MessageDescriptor, SchemaError> {
    let pool = file.parent_pool();
    let Some(name) = name else {
        let all: Vec<_> = file.messages().collect();
        return match all.as_slice() {
            [] => Err(SchemaError::new("it contains no message")),
            [only] => Ok(only.clone()),
            several => Err(SchemaError(format!(
                "mapping.message must be set to one of its messages: {}",
                named(several)
            ))),
        };
    };
    if let Some(message) = pool.get_message_by_name(name).filter(|it| !it.is_map_entry()) {
        return Ok(message);
    }
    let last = |message: &MessageDescriptor| message.name() == name && !message.is_map_entry();
    let all: Vec<_> = pool.all_messages().filter(last).collect();
    let own: Vec<_> = all.iter().filter(|it| it.parent_file() == *file).cloned().collect();
    match (own.as_slice(), all.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only.clone()),
        ([], []) => {
            let messages: Vec<_> = file.messages().collect();
            Err(SchemaError(format!("it has no message {name}; it has {}", named(&messages))))
        }
        _ => Err(SchemaError(format!(
            "mapping.message must be the full name of one of its messages: {}",
            named(&all)
        ))),
    }
}

fn named(messages: &[MessageDescriptor]) -> String {
    let mut names: Vec<_> =
        messages.iter().take(NAMED_LIMIT).map(MessageDescriptor::full_name).collect();
    if messages.len() > NAMED_LIMIT {
        names.push("…");
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The file itself, and the directories in which its imports are looked up, nearest first.
struct Folders {
    main: (String, String),
    folders: Vec<PathBuf>,
}

impl FileResolver for Folders {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let (main, text) = &self.main;
        if name == main {
            return sources::open(name, text);
        }
        for folder in &self.folders {
            let path = folder.join(name);
            if path.is_file() {
                let text = fs::read_to_string(&path)
                    .map_err(|error| Error::new(SchemaError(format!("{name}: {error}"))))?;
                return sources::open(name, &text);
            }
        }
        sources::built_in(name)
    }
}
