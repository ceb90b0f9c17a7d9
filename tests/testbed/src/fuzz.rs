//! Drawn cases: some in every run of the tests, millions when asked for.
//!
//! ```sh
//! VENDAS_FUZZ_CASES=10000000 cargo test --release --lib mutated -- --nocapture
//! ```
//!
//! draws ten million for each test that draws here, in some minutes. `VENDAS_FUZZ_SEED=N` draws
//! others; a failure names the seed that draws its case first.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How often interrupted work is measured again.
const ATTEMPTS: usize = 10;

/// The seeds of `VENDAS_FUZZ_CASES` cases, or of `usual`.
///
/// # Errors
/// If the environment variables are not numbers.
pub fn seeds(usual: u64) -> Result<impl Iterator<Item = u64>> {
    let cases = number("VENDAS_FUZZ_CASES", usual)?;
    let first = number("VENDAS_FUZZ_SEED", 1)?;
    // Far apart, since adjacent seeds of `samples::Random` give similar numbers.
    Ok((0..cases).map(move |case| first.wrapping_add(case.wrapping_mul(0xd1b5_4a32_d192_ed03))))
}

fn number(variable: &str, usual: u64) -> Result<u64> {
    match env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable}={text} is not a number")),
        Err(_) => Ok(usual),
    }
}

/// The result of `work`, and its duration; `None` if it always takes longer than `at_most`.
pub fn within<T>(at_most: Duration, mut work: impl FnMut() -> T) -> Option<(T, Duration)> {
    (0..ATTEMPTS).find_map(|_| {
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        (took < at_most).then_some((result, took))
    })
}
