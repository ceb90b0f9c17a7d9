//! The distributed files.

use std::{fs, process::Command};

use testbed::{Result, ensure};

use crate::root_folder::{DEADLINE, RootFolder, dist};

#[test]
#[ignore = "checks what `./dev dist` built"]
fn the_program_is_static_and_small() -> Result<()> {
    let program = dist()?.join("vendas");
    let size = fs::metadata(&program)?.len();
    ensure!(size < 16_000_000, "{size} bytes");
    let told = Command::new("readelf")
        .args(["--wide", "--segments", "--dynamic"])
        .arg(program)
        .output()?;
    let told = String::from_utf8(told.stdout)?;
    ensure!(told.contains("LOAD"), "{told}");
    ensure!(!told.contains("INTERP") && !told.contains("(NEEDED)"), "{told}");
    Ok(())
}

#[test]
#[ignore = "checks what `./dev dist` built"]
fn the_checksums_match_the_program_and_its_bill_of_materials() -> Result<()> {
    let told = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(dist()?)
        .output()?;
    ensure!(told.status.success(), "{told:?}");
    ensure!(String::from_utf8(told.stdout)? == "vendas: OK\nvendas.cdx.json: OK\n");
    Ok(())
}

#[test]
#[ignore = "checks what `./dev dist` built"]
fn the_bill_of_materials_lists_the_dependencies_of_the_program_and_none_of_the_tests() -> Result<()>
{
    let bill = fs::read_to_string(dist()?.join("vendas.cdx.json"))?;
    for (name, wanted) in
        [("rustls", true), ("rskafka", true), ("mimalloc", true), ("proptest", false)]
    {
        let found = bill.contains(&format!("pkg:cargo/{name}@"));
        ensure!(found == wanted, "{name}: {found}");
    }
    ensure!(!bill.contains(env!("CARGO_MANIFEST_DIR")), "it contains a path of the build machine");
    Ok(())
}

#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn it_runs_in_an_empty_root_folder() -> Result<()> {
    let ended = RootFolder::new()?.vendas(&["--version"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(ended.stdout == concat!("vendas ", env!("CARGO_PKG_VERSION"), "\n"), "{ended:?}");
    Ok(())
}
