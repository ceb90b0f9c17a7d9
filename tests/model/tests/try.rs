use std::time::Instant;
use commit_model::*;
use stateright::{Checker, Model};
fn run(name: &str, w: World) {
    let t = Instant::now();
    let c = w.checker().spawn_dfs().join();
    println!("{name}: states {} generated {} depth {} in {:?}; {:?}", c.unique_state_count(), c.state_count(), c.max_depth(), t.elapsed(), c.discoveries().keys().collect::<Vec<_>>());
    for p in [TWICE, NEVER, ROWS, LETTERS, TOLD, DONE] {
        if let Some(path) = c.discovery(p) { println!("{p}: {:#?}", path.into_actions()); }
    }
}
const A: Log = &[Record::Sale(0), Record::Cancelled(0), Record::Sale(0), Record::Invalid];
#[test]
fn t() {
    let n: u8 = std::env::var("N").map_or(2, |v| v.parse().unwrap());
    let d: usize = std::env::var("D").map_or(2, |v| v.parse().unwrap());
    let i: usize = std::env::var("I").map_or(2, |v| v.parse().unwrap());
    println!("{}", size_of::<State>());
    let e = |k: &str, d: u8| std::env::var(k).map_or(d, |v| v.parse().unwrap());
    let l: usize = std::env::var("L").map_or(4, |v| v.parse().unwrap());
    for (name, rules) in [("today", Rules::batches()), ("new", Rules::merged())] {
        run(name, World { rules, logs: [&A[..l], &A[2..3]], instances: i, depth: d, faults: Faults { all: n, lost: e("LO",1), killed: e("KI",1), crashes: e("CR",1), resets: e("RE",1), renewed: e("NW",1) }, snapshots: false });
    }
}
