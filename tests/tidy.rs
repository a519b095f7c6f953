//! Keeps the layout true: who may depend on whom, what the pure crate must not name, and the
//! habits that a compiler does not check.
//!
//! Reads sources as text, so it is quick and exact about what it says; what needs types is left
//! to clippy (see `clippy.toml`).

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// Each member of the workspace and which of the others it may use (ARCHITECTURE, "Who may use
/// whom"). The root package may use all of them.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("execution", &[]),
    ("config", &[]),
    ("storage", &["execution", "config"]),
    ("actors", &["execution", "storage", "config"]),
    ("web", &["execution", "actors", "config"]),
    ("bench", &[]),
    ("clients/rust", &["execution"]),
];

/// All that the pure crate may use of the world's crates: data, no effects.
const PURE: [&str; 8] =
    ["indexmap", "itoa", "jiff", "json-patch", "serde", "serde_json", "strsim", "thiserror"];

/// What the pure crate's sources must not name: clocks, I/O, threads, chance, async.
const IMPURE: [&str; 13] = [
    "SystemTime",
    "Instant",
    "::now(",
    "fs::",
    "std::fs",
    "net::",
    "std::net",
    "thread::",
    "std::thread",
    "rand::",
    "tokio",
    "actix",
    "async ",
];

/// Lines of a file, its tests included, at which to look whether it has two subjects.
const LONG: usize = 600;
/// Lines at which it certainly has.
const TOO_LONG: usize = 800;

/// Whether a folder holds nothing of ours: what was built, fetched or written by a server, and
/// hidden folders, of which only some are the project's.
fn is_foreign(folder: &Path) -> bool {
    let name = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&name);
    hidden || ["target", "node_modules"].contains(&name) || folder == Path::new("data")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, as a path from the root.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("the folder is there") {
        let entry = entry.expect("the folder is readable");
        let path = folder.join(entry.file_name());
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() && !is_foreign(&path) {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    files(Path::new(folder))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            let text = read(&path);
            (path, text)
        })
        .collect()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(folder: &str) -> Table {
    read(Path::new(folder).join("Cargo.toml")).parse().expect("cargo has read it too")
}

fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    manifest
        .get("dependencies")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

/// The code of a line: what stands before a comment.
fn code(line: &str) -> &str {
    let line = line.trim_start();
    if line.starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

/// Whether `text` names `word`, and not as the end or the beginning of a longer name.
fn names(text: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let inside_before = word.starts_with(part_of_name) && before.is_some_and(part_of_name);
        let inside_after = word.ends_with(part_of_name) && after.is_some_and(part_of_name);
        !inside_before && !inside_after
    })
}

/// `path:line: word` wherever the code of `sources` names one of `words`.
fn mentions(sources: &[(PathBuf, String)], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| names(code(line), word)) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    found
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn each_crate_uses_only_the_crates_it_may() {
    let members = manifest("")["workspace"]["members"].clone();
    let members: BTreeSet<_> =
        members.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let known: BTreeSet<_> = MAY_USE.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(members, known, "every member of the workspace has a row in MAY_USE");
    let mut found = Vec::new();
    for (folder, allowed) in MAY_USE {
        for name in dependencies(folder) {
            if let Some(ours) = name.strip_prefix("heartline")
                && !allowed.contains(&ours.trim_start_matches('-'))
            {
                found.push(format!("{folder} uses {name}"));
            }
        }
    }
    assert_none(&found, "ARCHITECTURE says who may use whom");
}

#[test]
fn the_lifecycle_is_pure() {
    let foreign: Vec<_> = dependencies("execution")
        .into_iter()
        .filter(|name| !PURE.contains(&name.as_str()))
        .collect();
    assert_none(&foreign, "execution depends on data crates only");
    let found = mentions(&sources("execution/src"), &IMPURE);
    assert_none(&found, "time, chance and the world are arguments in execution");
}

#[test]
fn only_the_root_package_names_the_store_on_disk() {
    let found: Vec<_> = ["execution", "config", "actors", "web"]
        .iter()
        .flat_map(|folder| mentions(&sources(folder), &["RocksStore", "rocksdb"]))
        .collect();
    assert_none(&found, "everything above the store knows its trait only");
}

#[test]
fn nothing_is_fired_and_forgotten() {
    // Put together here, so that this file does not name them.
    let words = [concat!("do", "_send("), concat!("actix::", "Supervisor")];
    let found = mentions(&sources(""), &words);
    assert_none(&found, "these lose messages or restarts (STYLE, \"Refuse in review\")");
}

#[test]
fn every_source_says_what_it_is_for() {
    let found: Vec<_> = sources("")
        .iter()
        .filter(|(_, text)| !text.lines().next().is_some_and(|line| line.starts_with("//! ")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none(&found, "a source begins with a //! header");
}

#[test]
fn no_source_is_too_long_for_one_subject() {
    let mut found = Vec::new();
    for (path, text) in sources("") {
        let lines = text.lines().count();
        if lines > TOO_LONG {
            found.push(format!("{}: {lines} lines", path.display()));
        } else if lines > LONG {
            println!("look again: {} has {lines} lines", path.display());
        }
    }
    assert_none(&found, "a file has one subject");
}

#[test]
fn no_file_names_the_address_of_a_registry() {
    // Put together here, so that this file does not name them.
    let addresses = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("crates.io", "-index"),
        concat!("registry.npmjs", ".org"),
        concat!("pypi.org", "/simple"),
        concat!("files.pythonhosted", ".org"),
        concat!("proxy.golang", ".org"),
    ];
    let mut found = Vec::new();
    for path in files(Path::new("")) {
        // Cargo writes this name of its default registry itself, wherever it fetches from.
        if path.file_name() == Some(OsStr::new("Cargo.lock")) {
            continue;
        }
        let bytes = fs::read(root().join(&path)).expect("a file is readable");
        let text = String::from_utf8_lossy(&bytes);
        for address in addresses.iter().filter(|address| text.contains(**address)) {
            found.push(format!("{}: {address}", path.display()));
        }
    }
    assert_none(&found, "where packages come from is the machine's affair");
}

#[test]
fn the_code_map_knows_every_folder_with_sources() {
    let architecture = read("ARCHITECTURE.md");
    let (_, map) =
        architecture.split_once("\n## Code map\n").expect("ARCHITECTURE.md has a code map");
    let map = map.split("\n## ").next().unwrap_or(map);
    // Folders stand there in backquotes and end with a slash.
    let known: Vec<_> =
        map.split('`').skip(1).step_by(2).filter(|name| name.ends_with('/')).collect();
    let gone: Vec<_> = known
        .iter()
        .filter(|folder| !root().join(folder).is_dir())
        .map(ToString::to_string)
        .collect();
    assert_none(&gone, "the code map names folders that are not there");
    let found: Vec<_> = sources("")
        .iter()
        .map(|(path, _)| path.display().to_string())
        .filter(|path| !known.iter().any(|folder| path.starts_with(folder)))
        .collect();
    assert_none(&found, "the code map does not know where these belong");
}

#[test]
fn the_pinned_compiler_is_the_one_that_is_asked_for() {
    let pinned: Table = read("rust-toolchain.toml").parse().expect("it is TOML");
    let pinned = pinned["toolchain"]["channel"].as_str().expect("a channel").to_owned();
    let wanted = manifest("")["workspace"]["package"]["rust-version"].clone();
    let wanted = wanted.as_str().expect("a version");
    assert!(
        pinned.starts_with(wanted),
        "rust-toolchain.toml has {pinned}, Cargo.toml has {wanted}"
    );
}

#[test]
fn names_are_found_whole_and_outside_comments() {
    assert!(names("use std::time::Instant;", "Instant"));
    assert!(!names("let instant = Instantly;", "Instant"));
    assert!(names("std::fs::read(p)", "fs::") && !names("offs::x", "fs::"));
    assert_eq!(code("  // tokio"), "");
    assert_eq!(code("x(); // tokio"), "x();");
    assert!(code("let a = \"http://b\";").contains("http://b"));
}
