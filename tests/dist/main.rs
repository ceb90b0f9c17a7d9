//! Tests of the distribution: the static program that `./dev dist` built, in an otherwise empty
//! root folder.
//!
//! `./dev dist --check` runs them with `VENDAS_DIST` and `VENDAS_DIST_FAILPOINTS` set; a plain
//! `cargo test` ignores them, since there may be no program to test.

mod files;
mod host_names;
mod panics;
mod root_folder;
mod tls;
