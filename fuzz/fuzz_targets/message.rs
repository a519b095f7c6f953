//! Messages of watchers and of runners on their WebSockets.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| heartline_web::fuzzing::message(bytes));
