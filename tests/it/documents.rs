//! The documents are correct: their commands are run, and their names are looked up.

mod commands;
mod markdown;
mod metrics;
mod names;
mod settings;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use testbed::{Context, Result, ensure};

use markdown::{Document, without_comment};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents for users.
fn documents() -> Result<Vec<Document>> {
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "README.pt-BR.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "samples/shapes/README.md",
    ]
    .iter()
    .map(|name| root().join(name))
    .collect();
    for entry in fs::read_dir(root().join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Document::read(path)).collect()
}

#[test]
fn both_readmes_have_the_same_commands_in_the_same_order() -> Result<()> {
    let commands = |name: &str| -> Result<Vec<String>> {
        let document = Document::read(&root().join(name))?;
        Ok(document.commands.iter().map(|line| without_comment(line).to_owned()).collect())
    };
    let english = commands("README.md")?;
    ensure!(english.len() > 15, "{english:?}");
    ensure!(english == commands("README.pt-BR.md")?, "they differ from {english:?}");
    // Quoted code is the same too.
    let blocks = |name: &str| -> Result<Vec<String>> {
        Ok(Document::read(&root().join(name))?.other_blocks)
    };
    ensure!(blocks("README.md")? == blocks("README.pt-BR.md")?, "other blocks differ");
    Ok(())
}

#[test]
fn every_internal_link_has_a_target() -> Result<()> {
    let documents = documents()?;
    let mut links = 0;
    for document in &documents {
        for link in document.links.iter().filter(|link| !link.contains("://")) {
            links += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.path.parent().context("no folder")?;
            let file = if file.is_empty() { document.path.clone() } else { folder.join(file) };
            ensure!(file.exists(), "{}: {link} leads nowhere", document.path.display());
            if !heading.is_empty() {
                let anchors = Document::read(&file)?.anchors;
                ensure!(
                    anchors.iter().any(|anchor| anchor == heading),
                    "{}: {link}: there are {anchors:?}",
                    document.path.display()
                );
            }
        }
    }
    ensure!(links > 20, "only {links} links were found");
    Ok(())
}

#[test]
fn every_file_in_docs_is_linked() -> Result<()> {
    let documents = documents()?;
    let led_to: BTreeSet<_> = documents
        .iter()
        .flat_map(|document| {
            let folder = document.path.parent().unwrap_or(Path::new("")).to_owned();
            document
                .links
                .iter()
                .filter_map(move |link| folder.join(link.split('#').next()?).canonicalize().ok())
        })
        .collect();
    for document in &documents {
        let path = document.path.canonicalize()?;
        ensure!(led_to.contains(&path), "no document links to {}", path.display());
    }
    Ok(())
}
