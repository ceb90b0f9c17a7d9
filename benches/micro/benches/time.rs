//! Measures the time and the allocations of what vendas does with every record: `cargo bench -p
//! micro --bench time`, with `-- NAME` for some of them. The counts of allocations divided by the
//! items of a line, its records, are those of one record.
#![expect(clippy::expect_used, reason = "a benchmark cannot return an error")]

use divan::{AllocProfiler, Bencher, counter::ItemsCount};

use micro::Case;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// With the runtime of `vendas run`.
fn cases() -> Vec<Case> {
    micro::all(tokio::runtime::Runtime::new().expect("a runtime"))
}

#[divan::bench(args = cases().iter().map(|case| case.name).collect::<Vec<_>>())]
fn record(bencher: Bencher<'_, '_>, name: &str) {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).expect("a benchmark of that name");
    bencher.counter(ItemsCount::new(case.records)).bench_local(|| (case.work)());
}
