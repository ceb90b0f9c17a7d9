//! See `vendas_fuzz::avro`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vendas_fuzz::avro(data));
