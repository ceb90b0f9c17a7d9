//! Configuration blocks in the documents are valid, and blocks that name a sample are taken from
//! it.

use std::fs;

use testbed::{Context, Result, bail, ensure};
use vendas::config::{self, Sources};

use super::{documents, root};

/// The lines with settings.
fn settings(toml: &str) -> impl Iterator<Item = &str> {
    toml.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn every_configuration_block_is_valid_and_from_the_sample_that_it_names() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vendas.toml");
    let (mut blocks, mut from_samples) = (0, 0);
    for document in documents()? {
        let path = document.path.display();
        for block in &document.toml {
            blocks += 1;
            fs::write(&file, block)?;
            if let Err(error) =
                config::load(&Sources { file: Some(file.clone()), ..Sources::default() })
            {
                bail!("{path}: {error}\n{block}");
            }
            let Some(sample) = block.lines().next().and_then(|line| line.strip_prefix("# ")) else {
                continue;
            };
            from_samples += 1;
            let sample = fs::read_to_string(root().join(sample))
                .with_context(|| format!("{path}: {sample}"))?;
            for line in settings(block) {
                ensure!(settings(&sample).any(|known| known == line), "{path}: {line} of\n{block}");
            }
        }
    }
    ensure!(blocks > 20 && from_samples > 15, "{blocks} blocks, {from_samples} from samples");
    Ok(())
}
