//! See `vendas_fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::configuration(data));
