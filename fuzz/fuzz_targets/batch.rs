//! See `vendas_fuzz::batch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::batch(data));
