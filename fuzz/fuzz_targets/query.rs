//! Query strings, and the cursors in them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| heartline_web::fuzzing::query(bytes));
