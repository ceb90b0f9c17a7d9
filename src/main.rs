//! vendas
fn main() {}
