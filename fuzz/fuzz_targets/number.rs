//! See `vendas_fuzz::number`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::number(data));
