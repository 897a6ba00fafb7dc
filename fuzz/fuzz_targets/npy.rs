#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relprop_cli::fuzz::npy(data));
