//! Messages of watchers on their WebSocket.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| heartline_web::fuzzing::message(bytes));
