//! Removes write-ahead logs that are no longer needed, a piece at a time.
//!
//! Unlinking a file keeps the file system's journal busy for as long as the file is large (0.2 ms
//! a MiB on ext4, measured), and a sync waits for the journal: commits stood still for 10 ms with
//! every log that went, and several go at once. So RocksDB only moves such logs aside, into its
//! archive, and a thread shortens them there before it removes them. What a crash leaves in the
//! archive goes after the next start.

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Seconds for which RocksDB leaves its archive alone: for good.
pub(crate) const LEFT_ALONE_SECS: u64 = 1 << 40;

/// RocksDB's name for the folder.
const FOLDER: &str = "archive";
/// Bytes that go at once: 0.2 ms of a journal, no more than a sync takes anyway.
const PIECE: u64 = 1 << 20;
/// Between two pieces. With [`PIECE`] 200 MiB/s, several times what commits can write.
const PAUSE: Duration = Duration::from_millis(5);
/// Between two looks into the archive.
const EVERY: Duration = Duration::from_secs(1);
/// The same after a failure, which is unlikely to be gone at once.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The thread; it ends when this is dropped, in the middle of a file where need be.
#[derive(Debug)]
pub(crate) struct Sweeper {
    /// Only ever dropped, which wakes the thread.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Sweeps the archive of the database in `folder` from now on.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(0);
        let archive = folder.join(FOLDER);
        let thread = thread::Builder::new().name("archive".to_owned()).spawn(move || {
            let mut wait = EVERY;
            while !over(&stopped, wait) {
                wait = match sweep(&archive, &stopped) {
                    Ok(()) => EVERY,
                    Err(error) => {
                        let folder = archive.display();
                        let again = AFTER_FAILURE.as_secs();
                        tracing::warn!(%folder, %error, "old logs are not removed; again in {again} s");
                        AFTER_FAILURE
                    }
                };
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that removes old logs had panicked");
        }
    }
}

/// Waits; whether it is to stop.
fn over(stopped: &Receiver<()>, wait: Duration) -> bool {
    stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
}

/// Removes every log in `archive`, unless stopped.
fn sweep(archive: &Path, stopped: &Receiver<()>) -> io::Result<()> {
    for log in logs(archive)? {
        let file = OpenOptions::new().write(true).open(&log)?;
        let mut left = file.metadata()?.len();
        while left > PIECE {
            left -= PIECE;
            file.set_len(left)?;
            if over(stopped, PAUSE) {
                return Ok(());
            }
        }
        fs::remove_file(&log)?;
    }
    Ok(())
}

fn logs(archive: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(archive) {
        // No log was ever moved there.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut logs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("log")) {
            logs.push(path);
        }
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rocksdb::{DB, FlushOptions};

    use super::*;
    use crate::options::{META, Options};

    fn archive_with(sizes: &[(&str, u64)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        for (name, size) in sizes {
            let file = fs::File::create(folder.path().join(FOLDER).join(name)).unwrap();
            file.set_len(*size).unwrap();
        }
        folder
    }

    #[test]
    fn logs_go_and_nothing_else() {
        let folder = archive_with(&[
            ("000003.log", 0),
            ("000004.log", PIECE),
            ("000005.log", 3 * PIECE + 1),
            ("notes.txt", 1),
        ]);
        let (_running, stopped) = mpsc::sync_channel(0);
        let archive = folder.path().join(FOLDER);
        sweep(&archive, &stopped).unwrap();
        let left: Vec<_> =
            fs::read_dir(&archive).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn a_log_goes_piece_by_piece() {
        let folder = archive_with(&[("000003.log", 3 * PIECE)]);
        let archive = folder.path().join(FOLDER);
        // A sweep that is to stop does one piece.
        let (running, stopped) = mpsc::sync_channel(0);
        drop(running);
        sweep(&archive, &stopped).unwrap();
        assert_eq!(fs::metadata(archive.join("000003.log")).unwrap().len(), 2 * PIECE);
    }

    #[test]
    fn a_folder_without_an_archive_has_nothing_to_remove() {
        let folder = tempfile::tempdir().unwrap();
        let (_running, stopped) = mpsc::sync_channel(0);
        sweep(&folder.path().join(FOLDER), &stopped).unwrap();
    }

    #[test]
    fn what_rocksdb_is_done_with_comes_here_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::default();
        let db =
            DB::open_cf_descriptors(&options.database(true), folder.path(), options.families())
                .unwrap();
        let archive = folder.path().join(FOLDER);
        assert_eq!(logs(&archive).unwrap(), Vec::<PathBuf>::new());
        db.put_cf(db.cf_handle(META).unwrap(), b"key", b"value").unwrap();
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        db.flush_cf_opt(db.cf_handle(META).unwrap(), &flush).unwrap();
        wait_until(|| !logs(&archive).unwrap().is_empty());
        let sweeper = Sweeper::start(folder.path()).unwrap();
        wait_until(|| logs(&archive).unwrap().is_empty());
        drop(sweeper);
    }

    fn wait_until(holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never came to hold");
            thread::yield_now();
        }
    }
}
