//! See `vendas_fuzz::place`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::place(data));
