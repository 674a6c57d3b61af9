#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| domainflow::collect::net::rdap::fuzz::answer(data));
