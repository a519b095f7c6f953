//! Opening a data folder: one process at a time, a format that is understood, no damage.
//!
//! Every refusal names the file and says what to do. Nothing is changed before all checks passed.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use heartline_execution::Timestamp;
use rocksdb::{DB, WriteOptions};

use crate::{
    Error, Meta,
    logfile::{self, Verdict},
    options::{META, Options},
};

/// The layout on disk that this version writes.
pub const FORMAT: u32 = 2;

/// The lowest number that a format ever had.
const FIRST: u32 = 1;

/// Holds the number of the format, so that it is known before a database is touched.
const FORMAT_FILE: &str = "FORMAT";
/// Locked as long as the folder is in use; holds the process id.
const LOCK_FILE: &str = "heartline.lock";
/// RocksDB's pointer to its manifest.
const CURRENT: &str = "CURRENT";
/// Row of the `meta` family: how often the store was opened.
const EPOCH: &[u8] = b"epoch";
/// Microseconds since 1970, big-endian.
pub(crate) const DECIDED_AT: &[u8] = b"decided_at";
/// Row of the `meta` family that proves that writing works.
const PROBE: &[u8] = b"probe";

/// Why a data folder cannot be used. The text is meant for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it.
    #[error(
        "the data folder {} is in use by another process{}: stop that one, or use another folder",
        folder.display(),
        holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// Which.
        folder: PathBuf,
        /// Its process id, where known.
        holder: Option<u32>,
    },
    /// Written by a later version.
    #[error(
        "the data folder {} has format {found}, and this version reads up to {FORMAT}: use the \
         version that wrote it, or restore a backup from before it",
        folder.display()
    )]
    Newer {
        /// Which.
        folder: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Written by a version from before the first release. Nothing was changed.
    #[error(
        "the data folder {} has format {found}, from before the first release, and this version \
         reads format {FORMAT} only: use a new folder, or the version that wrote this one",
        folder.display()
    )]
    Older {
        /// Which.
        folder: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Not as it was written. Nothing was changed.
    #[error("{} is damaged: {what}; {advice}", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What does not hold.
        what: String,
        /// What to do.
        advice: String,
    },
    /// Something other than a data folder.
    #[error(
        "{} is not a data folder of Heartline: it holds {found}; use an empty or new folder",
        folder.display()
    )]
    Foreign {
        /// Which.
        folder: PathBuf,
        /// One of the files in it.
        found: String,
    },
    /// The disk or the database said no.
    #[error("cannot open the data folder {}: {what}", folder.display())]
    Io {
        /// Which.
        folder: PathBuf,
        /// What it said.
        what: String,
    },
}

impl OpenError {
    pub(crate) fn io(folder: &Path, what: impl ToString) -> Self {
        Self::Io { folder: folder.to_owned(), what: what.to_string() }
    }
}

/// A folder that is ours until this is dropped.
pub(crate) struct Claim {
    folder: PathBuf,
    /// The operating system unlocks it when it is closed, also after SIGKILL.
    _lock: File,
}

impl Claim {
    /// Creates the folder where needed, locks it and checks its format.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        create_folder(folder).map_err(|error| OpenError::io(folder, error))?;
        let lock = lock(folder)?;
        let claim = Self { folder: folder.to_owned(), _lock: lock };
        claim.check_format()?;
        Ok(claim)
    }

    fn io(&self, what: impl ToString) -> OpenError {
        OpenError::io(&self.folder, what)
    }

    fn damaged(&self, file: impl AsRef<Path>, what: impl ToString, advice: &str) -> OpenError {
        OpenError::Damaged {
            file: self.folder.join(file),
            what: what.to_string(),
            advice: advice.to_owned(),
        }
    }

    /// The names in the folder, ours and RocksDB's lock and information logs aside.
    fn names(&self) -> Result<Vec<String>, OpenError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| self.io(error))? {
            let name = entry.map_err(|error| self.io(error))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if name != LOCK_FILE
                && name != "lost+found"
                && name != "LOCK"
                && !name.starts_with("LOG")
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn check_format(&self) -> Result<(), OpenError> {
        let text = match fs::read_to_string(self.folder.join(FORMAT_FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.found_new(),
            Err(error) => return Err(self.io(format!("{FORMAT_FILE}: {error}"))),
        };
        match text.trim().parse::<u32>() {
            Ok(found) if found > FORMAT => {
                Err(OpenError::Newer { folder: self.folder.clone(), found })
            }
            Ok(found) if found == FORMAT => Ok(()),
            Ok(found) if (FIRST..FORMAT).contains(&found) => self.migrate(found),
            Ok(_) | Err(_) => Err(self.damaged(
                FORMAT_FILE,
                format!(
                    "it holds {:?}, not the number of a format",
                    text.chars().take(20).collect::<String>()
                ),
                "restore the folder from a backup",
            )),
        }
    }

    /// The folder of an older format, before its database is opened.
    fn migrate(&self, found: u32) -> Result<(), OpenError> {
        // Format 2 is the first that is released. A later one migrates step by step here, each
        // step ending with `write_format`, so that a crash between two steps resumes.
        Err(OpenError::Older { folder: self.folder.clone(), found })
    }

    fn found_new(&self) -> Result<(), OpenError> {
        let names = self.names()?;
        let started = format!("{FORMAT_FILE}.new");
        match names.into_iter().find(|name| *name != started) {
            Some(name) if is_database_file(&name) => Err(self.damaged(
                FORMAT_FILE,
                format!("it is missing, but {name} is there"),
                "restore the folder from a backup, or put the file back with the number of its format",
            )),
            Some(found) => Err(OpenError::Foreign { folder: self.folder.clone(), found }),
            None => self.write_format().map_err(|error| self.io(error)),
        }
    }

    fn write_format(&self) -> io::Result<()> {
        let started = self.folder.join(format!("{FORMAT_FILE}.new"));
        let mut file = File::create(&started)?;
        writeln!(file, "{FORMAT}")?;
        file.sync_all()?;
        fs::rename(&started, self.folder.join(FORMAT_FILE))?;
        sync_folder(&self.folder)
    }

    /// Opens the database; again after a failure, too.
    pub(crate) fn open(&self, options: &Options) -> Result<DB, OpenError> {
        let exists = self.check_files()?;
        let database = options.database(!exists);
        if exists {
            let found = DB::list_cf(&database, &self.folder).map_err(|e| self.refused(&e))?;
            if let Some(name) = crate::options::unknown_family(&found) {
                return Err(self.damaged(
                    CURRENT,
                    format!("it leads to a column family {name:?} that no version knows"),
                    "restore the folder from a backup",
                ));
            }
        }
        DB::open_cf_descriptors(&database, &self.folder, options.families())
            .map_err(|error| self.refused(&error))
    }

    /// Checks the log files and says whether there is a database at all.
    fn check_files(&self) -> Result<bool, OpenError> {
        const RESTORE: &str = "nothing was changed; restore the folder from a backup";
        const WAL: &str = "nothing was changed; restore the folder from a backup, or, to give up \
                           every event from that point on, move this file and the .log files with \
                           higher numbers out of the folder";
        let names = self.names()?;
        let current = match fs::read_to_string(self.folder.join(CURRENT)) {
            Ok(current) => current,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A crash during the very first start leaves a manifest and nothing else.
                let data = names.into_iter().find(|n| n.ends_with(".sst") || n.ends_with(".log"));
                return match data {
                    Some(name) => Err(self.damaged(
                        CURRENT,
                        format!("it is missing, but {name} is there"),
                        RESTORE,
                    )),
                    None => Ok(false),
                };
            }
            Err(error) => return Err(self.io(format!("{CURRENT}: {error}"))),
        };
        let manifest = current.trim_end();
        if !manifest.starts_with("MANIFEST-") || !names.iter().any(|name| name == manifest) {
            return Err(self.damaged(CURRENT, "it names no manifest of this folder", RESTORE));
        }
        let wals = names.iter().filter(|name| name.ends_with(".log"));
        for (name, advice) in
            wals.map(|name| (name.as_str(), WAL)).chain(std::iter::once((manifest, RESTORE)))
        {
            match logfile::check(&self.folder.join(name)) {
                Ok(Verdict::Whole) => {}
                Ok(Verdict::Torn { at }) => {
                    tracing::info!(file = name, at, "a write that a crash cut short is dropped");
                }
                Ok(Verdict::Damaged { at, what }) => {
                    return Err(self.damaged(name, format!("{what} at byte {at}"), advice));
                }
                Err(error) => return Err(self.io(format!("{name}: {error}"))),
            }
        }
        Ok(true)
    }

    /// What RocksDB refused, in our words; it names files by their paths or numbers in its text.
    fn refused(&self, error: &rocksdb::Error) -> OpenError {
        let text = error.to_string();
        match error.kind() {
            rocksdb::ErrorKind::Corruption
            | rocksdb::ErrorKind::NotFound
            | rocksdb::ErrorKind::InvalidArgument => self.damaged(
                named_file(&text).unwrap_or_default(),
                text,
                "nothing was acknowledged since; restore the folder from a backup",
            ),
            _ if text.contains("No such file or directory") => self.damaged(
                named_file(&text).unwrap_or_default(),
                "it is missing",
                "restore the folder from a backup",
            ),
            _ => self.io(text),
        }
    }
}

/// The file that a message of RocksDB is about.
fn named_file(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ';'))
        .map(|word| word.trim_end_matches([':', '.', ')']))
        .filter_map(|word| word.rsplit('/').next())
        .find(|name| is_database_file(name))
        .map(str::to_owned)
}

fn is_database_file(name: &str) -> bool {
    name == CURRENT
        || name.starts_with("MANIFEST-")
        || name.starts_with("OPTIONS-")
        || name.ends_with(".sst")
        || name.ends_with(".log")
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let io = |error: io::Error| OpenError::io(folder, format!("{LOCK_FILE}: {error}"));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK_FILE))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(io)?;
            write!(file, "{}", std::process::id()).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut holder)).map_err(io)?;
            Err(OpenError::Locked { folder: folder.to_owned(), holder: holder.trim().parse().ok() })
        }
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// A folder exists for good only once its parent's entry is on disk.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<_> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    fs::create_dir_all(folder)?;
    missing.into_iter().try_for_each(|created| match created.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        Some(_) => sync_folder(Path::new(".")),
        None => Ok(()),
    })
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Counts this opening, durably.
pub(crate) fn next_epoch(db: &DB, folder: &Path) -> Result<Meta, OpenError> {
    let io = |error: rocksdb::Error| OpenError::io(folder, error);
    let meta = db.cf_handle(META).ok_or_else(|| OpenError::io(folder, "no meta family"))?;
    let before = match db.get_pinned_cf(meta, EPOCH).map_err(io)? {
        None => 0,
        Some(row) => u64::from_be_bytes(row[..].try_into().map_err(|_| OpenError::Damaged {
            file: folder.to_owned(),
            what: "the epoch is not a number".to_owned(),
            advice: "restore the folder from a backup".to_owned(),
        })?),
    };
    let epoch = before + 1;
    db.put_cf_opt(meta, EPOCH, epoch.to_be_bytes(), &synced()).map_err(io)?;
    let decided_at = match db.get_pinned_cf(meta, DECIDED_AT).map_err(io)? {
        None => None,
        Some(row) => Some(Timestamp(i64::from_be_bytes(row[..].try_into().map_err(|_| {
            OpenError::Damaged {
                file: folder.to_owned(),
                what: "the time of the last decision is not a number".to_owned(),
                advice: "restore the folder from a backup".to_owned(),
            }
        })?))),
    };
    Ok(Meta { format: FORMAT, epoch, decided_at })
}

/// What the store knows of itself stands here.
pub(crate) fn meta_family(db: &DB) -> Result<&rocksdb::ColumnFamily, Error> {
    db.cf_handle(META).ok_or_else(|| Error::Corrupt {
        place: META.to_owned(),
        what: "the column family is missing".to_owned(),
    })
}

/// Proves that a write reaches the disk.
pub(crate) fn probe(db: &DB) -> Result<(), rocksdb::Error> {
    match db.cf_handle(META) {
        Some(meta) => db.put_cf_opt(meta, PROBE, [], &synced()),
        None => Ok(()), // Opening creates it; there is no database without it.
    }
}

/// Waits for the disk before it says yes.
pub(crate) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}
