//! Whether a disk that failed takes writes again, asked before an open database is closed for one
//! that may not open.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

/// Written, synced and removed again. What a crash leaves of it is overwritten by the next.
const FILE: &str = "heartline.probe";
/// Room beside that for the log, in bytes: a new log, a manifest, and the first writes.
const SPARE: u64 = 1 << 20;
/// Bytes that are really written.
const PROBE: [u8; 4096] = [0; 4096];

/// Whether a database in `folder` would find what it needs to open: room for its log once more,
/// since that becomes a table then, and a sync that works.
///
/// # Errors
/// What the disk said.
pub(crate) fn try_out(folder: &Path) -> io::Result<()> {
    let path = folder.join(FILE);
    let tried = write(&path, log_bytes(folder)? + SPARE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tried.and(Err(error)),
        _ => tried,
    }?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, room: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, room) {
        // Not every file system can set room aside; opening will say what is missing.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    file.write_all(&PROBE)?;
    file.sync_all()
}

fn log_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if Path::new(&entry.file_name()).extension().is_some_and(|end| end == "log") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_works_passes_and_keeps_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("000001.log"), [0; 100]).unwrap();
        assert_eq!(log_bytes(folder.path()).unwrap(), 100);
        try_out(folder.path()).unwrap();
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_folder_that_is_gone_fails() {
        let folder = tempfile::tempdir().unwrap();
        assert!(try_out(&folder.path().join("gone")).is_err());
    }
}
