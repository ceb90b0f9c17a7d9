//! The parts of a document: commands, links, names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use testbed::{Context, Result};

/// A parsed document.
pub(super) struct Document {
    pub(super) path: PathBuf,
    /// The lines of its `sh` blocks, without empty lines and comments.
    pub(super) commands: Vec<String>,
    /// Its `sql` blocks.
    pub(super) sql: Vec<String>,
    /// Its `toml` blocks.
    pub(super) toml: Vec<String>,
    /// Its blocks in other languages than `sh` and `sql`.
    pub(super) other_blocks: Vec<String>,
    /// Code spans in its text.
    pub(super) code: Vec<String>,
    /// The first cells of its tables' rows, each with its code spans.
    pub(super) first_cells: Vec<Vec<String>>,
    pub(super) links: Vec<String>,
    /// The anchors of its headings.
    pub(super) anchors: Vec<String>,
}

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut document = Self {
            path: path.to_owned(),
            commands: Vec::new(),
            sql: Vec::new(),
            toml: Vec::new(),
            other_blocks: Vec::new(),
            code: Vec::new(),
            first_cells: Vec::new(),
            links: Vec::new(),
            anchors: Vec::new(),
        };
        document.parse(&text);
        Ok(document)
    }

    fn parse(&mut self, text: &str) {
        let (mut block, mut heading) = (None, None);
        let mut cell: Option<usize> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some((language, String::new()));
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((language, text)) = block.take() {
                        self.add_block(&language, text);
                    }
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    self.anchors.extend(heading.take().map(|text| anchor(&text)));
                }
                Event::Start(Tag::TableRow) => cell = Some(0),
                Event::Start(Tag::TableCell) if cell == Some(0) => {
                    self.first_cells.push(Vec::new());
                }
                Event::End(TagEnd::TableCell) => cell = cell.map(|cell| cell + 1),
                Event::End(TagEnd::TableRow) => cell = None,
                Event::Start(Tag::Link { dest_url, .. }) => self.links.push(dest_url.into_string()),
                Event::Text(text) => {
                    if let Some((_, block)) = &mut block {
                        block.push_str(&text);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    if let (Some(0), Some(row)) = (cell, self.first_cells.last_mut()) {
                        row.push(code.to_string());
                    }
                    self.code.push(code.into_string());
                }
                _ => {}
            }
        }
    }

    fn add_block(&mut self, language: &str, text: String) {
        match language {
            "sh" => {
                let lines = text.lines().map(str::trim);
                let commands = lines.filter(|line| !without_comment(line).is_empty());
                self.commands.extend(commands.map(str::to_owned));
            }
            "sql" => self.sql.push(text),
            _ => {
                if language == "toml" {
                    self.toml.push(text.clone());
                }
                self.other_blocks.push(text);
            }
        }
    }
}

/// A line without comments.
pub(super) fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(command, _)| command).trim()
}

/// The anchor of a heading on code hosts: lower case, no punctuation, hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
