//! What a crash or a bad disk leaves behind: a torn tail is tolerated, all else is refused or found.

mod story;

use std::{
    fs,
    path::{Path, PathBuf},
};

use heartline_storage::{
    Append, Error, ExecutionStore, FORMAT, OpenError, Options, Refusal, RocksStore, Stored,
};
use rocksdb::DB;
use story::{ALL, Story, commit, everything, keyed};

fn open(folder: &Path) -> Result<RocksStore, OpenError> {
    // Small buffers: these tests open thousands of stores.
    let options =
        Options { block_cache_bytes: 1 << 20, write_buffer_bytes: 256 << 10, ..Options::default() };
    RocksStore::open(folder, options)
}

/// The folder as a SIGKILL would leave it now: all of it is on disk already, and whatever the
/// process would still write is not.
fn image(of: &Path) -> tempfile::TempDir {
    let copy = fast_folder();
    for name in names(of) {
        fs::copy(of.join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

/// In memory where the system offers it: it is not the disk's speed that these tests are about.
fn fast_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Of the files; the folder of old logs has nothing that is read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let names = names(folder).into_iter().filter(|name| name.ends_with(ending));
    names.map(|name| folder.join(name)).collect()
}

/// The WAL that is being written.
fn wal(folder: &Path) -> PathBuf {
    let logs = files(folder, ".log").into_iter();
    logs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

/// A small store that was killed, and the size of its WAL after each commit.
fn killed() -> (tempfile::TempDir, Vec<u64>, Story) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut story = Story::new("default", 1);
    let mut sizes = vec![fs::metadata(wal(folder.path())).unwrap().len()];
    let mut write = |append| {
        commit(&store, append);
        sizes.push(fs::metadata(wal(folder.path())).unwrap().len());
    };
    write(keyed(story.create(), "k"));
    write(story.start("r"));
    write(story.post(1));
    write(story.post(2));
    write(story.complete());
    let image = image(folder.path());
    (image, sizes, story)
}

/// The same, with everything in tables rather than in the WAL.
fn settled() -> (tempfile::TempDir, Story) {
    let (folder, _, story) = killed();
    drop(open(folder.path()).unwrap());
    assert!(!files(folder.path(), ".sst").is_empty());
    (folder, story)
}

#[test]
fn a_log_cut_at_any_byte_keeps_every_commit_that_was_whole() {
    let folder = fast_folder();
    let store = open(folder.path()).unwrap();
    let mut story = Story::new("default", 1);
    let log = wal(folder.path());
    let size = || fs::metadata(&log).unwrap().len();
    // The size of the log and the head, before and after each commit. The rows derived from the
    // events are written with them: the idempotency key stands for them all.
    let mut ends = vec![(size(), 0)];
    let creation = keyed(story.create(), "k");
    for append in [creation, story.post(1), story.post(2), story.start("r")] {
        let head = append.records.last().unwrap().seq;
        commit(&store, Append { standing: None, summary: None, ..append });
        ends.push((size(), head));
    }
    let whole = fs::read(&log).unwrap();
    let killed = image(folder.path());
    let check = |cuts: std::ops::RangeInclusive<usize>| {
        for cut in cuts {
            let image = image(killed.path());
            fs::write(image.path().join(log.file_name().unwrap()), &whole[..cut]).unwrap();
            let store = open(image.path()).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            let survived = ends.iter().rfind(|(end, _)| *end <= cut as u64);
            let head = survived.map_or(0, |(_, head)| *head);
            let page = store.events(&story.namespace, story.id, 0, u64::MAX, false, ALL).unwrap();
            assert_eq!(page.events.len() as u64, head, "cut at {cut}");
            same_bytes(&page.events, &story);
            let state = store.load(&story.namespace, story.id).unwrap();
            assert_eq!(state.map_or(0, |state| state.seq), head);
            let used = store.used(&story.namespace, "k").unwrap();
            assert_eq!(used.is_some(), head > 0);
        }
    };
    let middle = whole.len() / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| check(0..=middle));
        check(middle + 1..=whole.len());
    });
}

fn same_bytes(served: &[Stored], story: &Story) {
    for (served, written) in served.iter().zip(&story.records) {
        assert_eq!(served.record.seq, written.seq);
        assert_eq!(served.record.json, written.json);
        assert_eq!(served.record.private, written.private);
    }
}

#[test]
fn a_store_that_lost_its_tail_goes_on_from_there() {
    let (folder, sizes, story) = killed();
    let path = wal(folder.path());
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(sizes[4] - 1).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(store.head(&story.namespace, story.id).unwrap(), Some(3));
    let mut again = Story::new("default", 1);
    again.create();
    again.start("r");
    again.post(1);
    commit(&store, again.post(2));
    commit(&store, again.complete());
    again.expect_in(&store);
}

/// Flips each bit of a file in turn; opening must refuse each time, name the file, and change
/// nothing.
fn every_flip_is_refused(folder: &Path, path: &Path) {
    let whole = fs::read(path).unwrap();
    let before = names(folder);
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, &flipped).unwrap();
        match open(folder) {
            Err(error @ OpenError::Damaged { .. }) => {
                let text = error.to_string();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(text.contains(name), "bit {bit}: {text}");
                assert!(text.contains("restore the folder from a backup"), "bit {bit}: {text}");
            }
            other => panic!("bit {bit}: {other:?}"),
        }
        assert_eq!(fs::read(path).unwrap(), flipped);
        assert_eq!(names(folder), before);
    }
    fs::write(path, whole).unwrap();
    open(folder).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_the_log_is_refused() {
    let (folder, _, _) = killed();
    every_flip_is_refused(folder.path(), &wal(folder.path()));
}

#[test]
fn a_flipped_bit_anywhere_in_the_manifest_is_refused() {
    let (folder, _) = settled();
    let current = fs::read_to_string(folder.path().join("CURRENT")).unwrap();
    every_flip_is_refused(folder.path(), &folder.path().join(current.trim()));
}

#[test]
fn a_flipped_bit_in_a_table_is_found_and_never_served() {
    let (folder, story) = settled();
    let detected = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // RocksDB pauses for a second when a compaction meets the damage, so look at all at once.
        for path in files(folder.path(), ".sst") {
            let (folder, story, detected) = (&folder, &story, &detected);
            scope.spawn(move || {
                let whole = fs::read(&path).unwrap();
                // A step that is prime to eight meets every bit position.
                for bit in (0..whole.len() * 8).step_by(389) {
                    let image = image(folder.path());
                    let mut flipped = whole.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    fs::write(image.path().join(path.file_name().unwrap()), flipped).unwrap();
                    let clean = open(image.path())
                        .is_ok_and(|store| serves_only_what_was_written(&store, story));
                    detected.fetch_add(usize::from(!clean), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert!(detected.into_inner() > 0);
}

/// Whether all was readable; what was is what had been written.
fn serves_only_what_was_written(store: &RocksStore, story: &Story) -> bool {
    let page = store.events(&story.namespace, story.id, 0, u64::MAX, false, ALL);
    if let Ok(page) = &page {
        assert_eq!(page.events.len(), story.records.len());
        same_bytes(&page.events, story);
    }
    let state = store.load(&story.namespace, story.id);
    if let Ok(state) = &state {
        assert_eq!(state.as_ref().unwrap().seq, story.head());
    }
    let listing = store.list(&everything(&story.namespace));
    if let Ok(listing) = &listing {
        assert_eq!(listing.rows.len(), 1);
    }
    let used = store.used(&story.namespace, "k");
    if let Ok(used) = &used {
        assert_eq!(used.as_ref().unwrap().id, story.id);
    }
    let live = store.live(&mut |standing| panic!("it is over: {standing:?}"));
    page.is_ok() && state.is_ok() && listing.is_ok() && used.is_ok() && live.is_ok()
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let (folder, _) = settled();
    let current = fs::read_to_string(folder.path().join("CURRENT")).unwrap();
    let mut names = vec!["CURRENT".to_owned(), current.trim().to_owned(), "FORMAT".to_owned()];
    let tables = files(folder.path(), ".sst").into_iter();
    names.extend(tables.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()));
    for name in names {
        let image = image(folder.path());
        fs::remove_file(image.path().join(&name)).unwrap();
        let error = open(image.path()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains("restore the folder from a backup"), "{text}");
    }
}

/// Changes the database behind the store's back, with valid checksums of its own.
fn tamper(folder: &Path, change: impl FnOnce(&DB)) {
    let options = rocksdb::Options::default();
    let families = DB::list_cf(&options, folder).unwrap();
    let db = DB::open_cf(&options, folder, families).unwrap();
    change(&db);
}

fn event_key(story: &Story, seq: u64) -> Vec<u8> {
    let mut key = vec![7];
    key.extend_from_slice(b"default");
    key.extend_from_slice(&story.id.uuid().to_be_bytes());
    key.push(2); // A workflow.
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

fn names_seq(error: &Error, seq: u64) -> bool {
    matches!(error, Error::Corrupt { place, .. } if place.ends_with(&format!("seq {seq}")))
}

#[test]
fn a_changed_record_is_found_by_the_chain_and_named() {
    for seq in 1..=6 {
        let (folder, story) = settled();
        tamper(folder.path(), |db| {
            let events = db.cf_handle("events").unwrap();
            let key = event_key(&story, seq);
            let mut value = db.get_cf(events, &key).unwrap().expect("the key is right");
            *value.last_mut().unwrap() ^= 1;
            db.put_cf(events, key, value).unwrap();
        });
        let store = open(folder.path()).unwrap();
        let page = |after| store.events(&story.namespace, story.id, after, u64::MAX, false, ALL);
        assert!(names_seq(&page(0).unwrap_err(), seq));
        assert!(names_seq(&page(seq - 1).unwrap_err(), seq));
        // The events behind it prove themselves by its link, which is as it was.
        assert_eq!(page(seq).unwrap().events.len() as u64, 6 - seq);
        assert!(names_seq(&store.load(&story.namespace, story.id).unwrap_err(), seq));
        let lifecycle = store.events(&story.namespace, story.id, 0, u64::MAX, true, ALL);
        if [1, 2, 6].contains(&seq) {
            assert!(names_seq(&lifecycle.unwrap_err(), seq));
        } else {
            assert_eq!(lifecycle.unwrap().events.len(), 3);
        }
    }
}

#[test]
fn a_missing_record_is_found_and_named() {
    for seq in 1..=5 {
        let (folder, story) = settled();
        tamper(folder.path(), |db| {
            db.delete_cf(db.cf_handle("events").unwrap(), event_key(&story, seq)).unwrap();
        });
        let store = open(folder.path()).unwrap();
        let page = |after| store.events(&story.namespace, story.id, after, u64::MAX, false, ALL);
        assert!(names_seq(&page(0).unwrap_err(), seq));
        assert!(names_seq(&page(seq).unwrap_err(), seq));
        assert!(names_seq(&store.load(&story.namespace, story.id).unwrap_err(), seq));
    }
}

#[test]
fn records_that_changed_places_are_found() {
    let (folder, story) = settled();
    tamper(folder.path(), |db| {
        let events = db.cf_handle("events").unwrap();
        let [a, b] = [4, 5].map(|seq| event_key(&story, seq));
        let [at_a, at_b] = [&a, &b].map(|key| db.get_cf(events, key).unwrap().unwrap());
        db.put_cf(events, a, at_b).unwrap();
        db.put_cf(events, b, at_a).unwrap();
    });
    let store = open(folder.path()).unwrap();
    let page = store.events(&story.namespace, story.id, 0, u64::MAX, false, ALL);
    assert!(names_seq(&page.unwrap_err(), 4));
}

#[test]
fn a_damaged_head_refuses_appends_to_its_log_and_to_no_other() {
    let (folder, story) = settled();
    tamper(folder.path(), |db| {
        let events = db.cf_handle("events").unwrap();
        let mut value = db.get_cf(events, event_key(&story, 6)).unwrap().unwrap();
        value.pop();
        db.put_cf(events, event_key(&story, 6), value).unwrap();
    });
    let store = open(folder.path()).unwrap();
    let mut other = Story::new("default", 2);
    let mut late = Story::new("default", 1).create();
    late.expected_seq = 6;
    late.records[0].seq = 7;
    let outcome = store.commit(&[late, other.create()]).unwrap();
    assert!(matches!(&outcome[0], Err(Refusal::Damaged { what }) if what.contains("seq 6")));
    assert_eq!(outcome[1], Ok(()));
    store.healthy().unwrap();
    other.expect_in(&store);
}

#[test]
fn a_row_of_a_later_version_is_refused_and_not_guessed_at() {
    let (folder, story) = settled();
    tamper(folder.path(), |db| {
        let events = db.cf_handle("events").unwrap();
        let mut value = db.get_cf(events, event_key(&story, 2)).unwrap().unwrap();
        value[0] = 2;
        db.put_cf(events, event_key(&story, 2), value).unwrap();
    });
    let store = open(folder.path()).unwrap();
    let error = store.load(&story.namespace, story.id).unwrap_err();
    assert!(names_seq(&error, 2) && error.to_string().contains("version 2 is not known"));
}

#[test]
fn a_newer_format_is_refused_before_anything_is_touched() {
    let (folder, _) = settled();
    fs::write(folder.path().join("FORMAT"), format!("{}\n", FORMAT + 1)).unwrap();
    let before = names(folder.path());
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found, .. } if found == FORMAT + 1));
    assert!(error.to_string().contains("use the version that wrote it"), "{error}");
    assert_eq!(names(folder.path()), before);
    fs::write(folder.path().join("FORMAT"), "one").unwrap();
    assert!(matches!(open(folder.path()).unwrap_err(), OpenError::Damaged { .. }));
}

#[test]
fn a_format_from_before_the_first_release_is_refused_with_what_to_do() {
    let (folder, _) = settled();
    let (file, before) = (folder.path().join("FORMAT"), names(folder.path()));
    for found in 1..FORMAT {
        fs::write(&file, format!("{found}\n")).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, OpenError::Older { found: told, .. } if told == found));
        let text = error.to_string();
        assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
        assert!(text.contains("use a new folder"), "{text}");
        assert_eq!(names(folder.path()), before);
    }
    fs::write(&file, "0").unwrap();
    assert!(matches!(open(folder.path()).unwrap_err(), OpenError::Damaged { .. }));
    fs::write(&file, format!("{FORMAT}\n")).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_second_opener_is_told_which_folder_is_held_and_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    drop(store);
    open(folder.path()).unwrap();
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    assert!(!folder.path().join("FORMAT").exists());
}

#[test]
fn a_new_folder_is_created_with_its_parents() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a/b/c")).unwrap();
    assert_eq!(store.meta().epoch, 1);
}

#[test]
fn recovery_reopens_the_database_and_reads_the_truth_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut story = Story::new("default", 1);
    commit(&store, story.create());
    let epoch = store.meta().epoch;
    // The table files and the manifest vanish under it: it cannot come back.
    let image = image(folder.path());
    let current = folder.path().join("CURRENT");
    fs::remove_file(&current).unwrap();
    assert!(matches!(store.recover(), Err(Error::Io(why)) if why.contains("CURRENT")));
    let start = story.start("r");
    assert!(matches!(store.commit(std::slice::from_ref(&start)), Err(Error::Unhealthy(_))));
    assert!(matches!(store.head(&story.namespace, story.id), Err(Error::Unhealthy(_))));
    assert!(store.recover().is_err());
    fs::copy(image.path().join("CURRENT"), current).unwrap();
    store.recover().unwrap();
    assert_eq!(store.meta().epoch, epoch);
    commit(&store, start);
    story.expect_in(&store);
}
