//! See `vendas_fuzz::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::record(data));
