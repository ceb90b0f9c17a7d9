//! Names in the documents exist: settings, reasons, exit codes, messages.

use std::{collections::BTreeSet, fs, path::Path};

use testbed::{Result, ensure};
use vendas::{config, order::Reason};

use super::{documents, markdown::Document, root};

/// The first parts of the settings' keys.
const SECTIONS: [&str; 9] =
    ["kafka", "database", "pipeline", "registry", "orders", "mapping", "vocabulary", "http", "log"];

fn is_word(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

#[test]
fn every_documented_setting_exists() -> Result<()> {
    let keys: BTreeSet<String> = config::keys().into_iter().collect();
    let mut named = 0;
    for document in documents()? {
        let path = document.path.display();
        for code in document.code.iter().chain(&document.commands).chain(&document.other_blocks) {
            for word in code.split(|c: char| !is_word(c) && c != '.') {
                let word = word.trim_matches('.');
                let Some((section, _)) = word.split_once('.') else { continue };
                let is_file = [".json", ".rs", ".sh", ".service", ".toml"];
                if !SECTIONS.contains(&section) || is_file.iter().any(|end| word.ends_with(end)) {
                    continue;
                }
                named += 1;
                // A table of settings stands for all settings in it.
                let table = format!("{word}.");
                let exists = keys.contains(word) || keys.iter().any(|key| key.starts_with(&table));
                ensure!(exists, "{path}: there is no setting {word}");
            }
            for word in
                code.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')
            {
                let Some(name) = word.strip_prefix("VENDAS_").filter(|name| name.contains("__"))
                else {
                    continue;
                };
                let key = name.to_lowercase().replace("__", ".");
                ensure!(keys.contains(&key), "{path}: there is no setting {word}");
            }
        }
    }
    ensure!(named > 50, "only {named} were found");
    Ok(())
}

#[test]
fn exactly_the_existing_reasons_are_documented() -> Result<()> {
    let letters = Document::read(&root().join("docs/dead-letters.md"))?;
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    // The rows of the table of reasons are those that name a reason.
    let rows = letters.first_cells.iter();
    let rows: Vec<_> =
        rows.filter(|row| row.iter().any(|code| reasons.contains(code.as_str()))).collect();
    let explained: BTreeSet<_> = rows.into_iter().flatten().map(String::as_str).collect();
    ensure!(explained == reasons, "{:?}", explained.symmetric_difference(&reasons));
    let changelog = fs::read_to_string(root().join("CHANGELOG.md"))?;
    ensure!(changelog.contains(&format!("{} reasons", reasons.len())), "{}", reasons.len());
    Ok(())
}

#[test]
fn the_documented_exit_codes_are_those_of_the_help() -> Result<()> {
    let help = fs::read_to_string(root().join("src/cli/examples.rs"))?;
    let readme = fs::read_to_string(root().join("README.md"))?;
    for text in [help, readme] {
        let text = text.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ");
        let codes = "Exit codes: 0 done, 1 failed, 2 usage or configuration";
        ensure!(text.contains(codes), "{text}");
    }
    Ok(())
}

/// The program's source as one text, with broken string literals joined.
fn source(folder: &Path, all: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            source(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                let mut whole = line.to_owned();
                while let Some(begun) = whole.strip_suffix('\\') {
                    let next = lines.next().unwrap_or_default();
                    whole = begun.to_owned() + next.trim_start();
                }
                all.push_str(&whole);
                all.push('\n');
            }
        }
    }
    Ok(())
}

/// The texts between placeholders.
fn between<'t>(text: &'t str, holes: &[char]) -> Vec<&'t str> {
    text.split(holes).map(str::trim).filter(|part| part.len() >= 4).collect()
}

#[test]
fn every_documented_message_exists() -> Result<()> {
    let mut program = String::new();
    source(&root().join("src"), &mut program)?;
    let program = program.replace("\\\"", "\"");
    let messages = Document::read(&root().join("docs/troubleshooting.md"))?;
    let mut found = 0;
    for message in messages.first_cells.iter().flatten() {
        for part in between(message, &['…']) {
            found += 1;
            ensure!(program.contains(part), "no message has {part:?}, as in `{message}`");
        }
    }
    ensure!(found > 60, "only {found} were found");
    Ok(())
}

#[test]
fn every_error_is_documented() -> Result<()> {
    let messages = fs::read_to_string(root().join("docs/troubleshooting.md"))?;
    let mut program = String::new();
    source(&root().join("src"), &mut program)?;
    let mut found = 0;
    for rest in program.split("#[error(").skip(1) {
        let rest = rest.replace("\\\"", "'");
        let Some(message) = rest.trim_start().strip_prefix('"') else { continue };
        let message = message.split('"').next().unwrap_or_default();
        // At least one fixed part of the message must be in the tables.
        let holes = ['{', '}', ';', ',', ':', '\'', '`', '(', ')', '['];
        let parts: Vec<_> =
            between(message, &holes).into_iter().filter(|part| part.len() >= 12).collect();
        if parts.is_empty() {
            continue;
        }
        found += 1;
        let explained = parts.iter().any(|part| messages.contains(part));
        ensure!(explained, "docs/troubleshooting.md does not explain {message:?}");
    }
    ensure!(found > 20, "only {found} were found");
    Ok(())
}
