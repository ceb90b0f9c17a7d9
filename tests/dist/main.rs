//! What is handed out, checked as it is: the static program that `./dev dist` built, in a root folder
//! with nothing else in it.
//!
//! `./dev dist --check` runs these, and says by `VENDAS_DIST` and `VENDAS_DIST_FAILPOINTS` what is
//! meant; a plain `cargo test` passes them over, since there is nothing to check yet.

mod files;
mod host_names;
mod root_folder;
mod tls;
mod panics;
