//! Looks through RocksDB's log files (WAL and MANIFEST) before RocksDB does, and stops at damage.
//!
//! RocksDB takes a record whose length runs past the end of the file for the torn tail of a crash,
//! also when it is a damaged length in the middle of acknowledged data, and then drops what
//! follows; some damaged record types make it skip a block in silence. Here only a true torn tail
//! passes. Format: blocks of 32 KiB; a record is masked CRC-32C, length, type, payload, and never
//! spans two blocks (RocksDB, `db/log_format.h`).
//!
//! Deliberately absent: what the records mean. RocksDB reads them next.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;
/// Whole records and the first, middle and last fragments of one. The other types belong to
/// options that this store does not use.
const TYPES: std::ops::RangeInclusive<u8> = 1..=4;

/// How a log file ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// With a whole record.
    Whole,
    /// In the middle of one: the writer died. Nothing acknowledged is in it.
    Torn {
        /// Where the torn record starts.
        at: u64,
    },
    /// Not as RocksDB wrote it.
    Damaged {
        /// Where the damaged record starts.
        at: u64,
        /// What does not hold.
        what: &'static str,
    },
}

/// Reads the whole file, block by block.
pub(crate) fn check(path: &Path) -> io::Result<Verdict> {
    let mut file = File::open(path)?;
    let mut block = vec![0; BLOCK];
    let mut start = 0;
    loop {
        let len = fill(&mut file, &mut block)?;
        let last = len < BLOCK;
        match check_block(&block[..len], last) {
            Found::Whole => {}
            Found::Damaged(at, what) => {
                return Ok(Verdict::Damaged { at: start + at as u64, what });
            }
            Found::Torn(at) => return Ok(Verdict::Torn { at: start + at as u64 }),
            Found::Zeros(at) => {
                return zeros_to_the_end(&mut file, &mut block).map(|zeros| {
                    let at = start + at as u64;
                    if zeros {
                        Verdict::Torn { at }
                    } else {
                        Verdict::Damaged { at, what: "zeros in the middle of the file" }
                    }
                });
            }
        }
        if last {
            return Ok(Verdict::Whole);
        }
        start += BLOCK as u64;
    }
}

fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < block.len() {
        match file.read(&mut block[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// A file system may have grown the file before its data arrived.
fn zeros_to_the_end(file: &mut File, block: &mut [u8]) -> io::Result<bool> {
    loop {
        let len = fill(file, block)?;
        if block[..len].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if len < block.len() {
            return Ok(true);
        }
    }
}

enum Found {
    Whole,
    Torn(usize),
    /// The rest of the block is zeros.
    Zeros(usize),
    Damaged(usize, &'static str),
}

fn check_block(block: &[u8], last: bool) -> Found {
    let mut at = 0;
    while block.len() - at >= HEADER {
        let (header, rest) = block[at..].split_at(HEADER);
        let len = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let kind = header[6];
        if header.iter().chain(rest).all(|byte| *byte == 0) {
            return Found::Zeros(at);
        }
        if !TYPES.contains(&kind) {
            return Found::Damaged(at, "unknown record type");
        }
        if at + HEADER + len > BLOCK {
            return Found::Damaged(at, "a record is longer than its block");
        }
        let crc = unmask(u32::from_le_bytes([header[0], header[1], header[2], header[3]]));
        let Some(payload) = rest.get(..len) else {
            debug_assert!(last, "a full block holds whole records");
            return if has_another_length(kind, rest, crc) {
                Found::Damaged(at, "a record has a wrong length")
            } else {
                Found::Torn(at)
            };
        };
        if crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload) != crc {
            return Found::Damaged(at, "checksum mismatch");
        }
        at += HEADER + len;
    }
    let trailer = &block[at..];
    if !last && trailer.iter().any(|byte| *byte != 0) {
        return Found::Damaged(at, "garbage at the end of a block");
    }
    if last && !trailer.is_empty() { Found::Torn(at) } else { Found::Whole }
}

/// Whether the record is complete after all, and only its length is wrong: the checksum does not
/// cover the length, so try each one that ends the file or is followed by another record.
fn has_another_length(kind: u8, rest: &[u8], crc: u32) -> bool {
    let mut running = crc32c::crc32c(&[kind]);
    (0..=rest.len()).any(|len| {
        if len > 0 {
            running = crc32c::crc32c_append(running, &rest[len - 1..len]);
        }
        running == crc && (len == rest.len() || rest.get(len + 6).is_none_or(|k| TYPES.contains(k)))
    })
}

/// The inverse of RocksDB's `crc32c::Mask`.
const fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(0xa282_ead8).rotate_left(15)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn push(file: &mut Vec<u8>, payload: &[u8]) {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&[1]), payload);
        let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
        file.extend_from_slice(&masked.to_le_bytes());
        file.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_le_bytes());
        file.push(1);
        file.extend_from_slice(payload);
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        check(file.path()).unwrap()
    }

    fn three_records() -> (Vec<u8>, [usize; 4]) {
        let mut file = Vec::new();
        let mut ends = [0; 4];
        for (n, payload) in [&b"one"[..], &[7; 200], b"the third"].into_iter().enumerate() {
            push(&mut file, payload);
            ends[n + 1] = file.len();
        }
        (file, ends)
    }

    #[test]
    fn every_cut_is_a_torn_tail_or_whole() {
        let (file, ends) = three_records();
        for cut in 0..=file.len() {
            let found = verdict(&file[..cut]);
            if ends.contains(&cut) {
                assert_eq!(found, Verdict::Whole, "cut at {cut}");
            } else {
                let at = *ends.iter().rev().find(|end| **end < cut).unwrap() as u64;
                assert_eq!(found, Verdict::Torn { at }, "cut at {cut}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        let (file, _) = three_records();
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(verdict(&flipped), Verdict::Damaged { .. }), "bit {bit}");
        }
    }

    #[test]
    fn zeros_after_the_last_record_are_a_torn_tail_but_not_before_one() {
        let (mut file, ends) = three_records();
        file.resize(file.len() + 3 * BLOCK, 0);
        assert_eq!(verdict(&file), Verdict::Torn { at: ends[3] as u64 });
        push(&mut file, b"late");
        assert!(matches!(verdict(&file), Verdict::Damaged { .. }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_check_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            verdict(&bytes);
        }
    }
}
