#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dermx_fuzz::fuzz("keras", data));
