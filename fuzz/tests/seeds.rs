//! Every target, on a stable compiler: over its seeds, what is left when they are cut short, and damaged
//! copies.

use std::{fmt::Write, io};

use vendas_fuzz::seeds::TARGETS;

/// About how many inputs a target gets.
const INPUTS: usize = 4_000;

/// Bytes that mean something in one of the formats.
const BYTES: [u8; 12] = *b"\0\x01\x7f\x80\xff\"{[,-9$";

fn run(run: fn(&[u8]), name: &str, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| run(input));
    if outcome.is_err() {
        let mut hex = String::new();
        for byte in input {
            write!(hex, "{byte:02x}").unwrap_or_default();
        }
        panic!("the target {name} failed on {:?}, in hex {hex}", String::from_utf8_lossy(input));
    }
}

#[test]
fn every_target_passes_over_its_seeds_and_over_damaged_ones() -> io::Result<()> {
    for target in TARGETS {
        let seeds = (target.seeds)()?;
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        let copies = (INPUTS / 2 / seeds.len()).max(10);
        let mut inputs = 0;
        for seed in &seeds {
            run(target.run, target.name, seed);
            let step = seed.len().div_ceil(copies).max(1);
            for (number, at) in (0..seed.len()).step_by(step).enumerate() {
                run(target.run, target.name, &seed[..at]);
                let mut damaged = seed.clone();
                damaged[at] = BYTES[number % BYTES.len()];
                run(target.run, target.name, &damaged);
                inputs += 2;
            }
        }
        println!("{}: {} seeds, {inputs} damaged ones", target.name, seeds.len());
    }
    Ok(())
}
