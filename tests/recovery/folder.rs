//! The data folder: one server at a time, and only of a format that it knows.

use std::fs;

use serde_json::json;

use super::{api::Request, server::Site};

#[tokio::test]
async fn a_second_server_on_the_same_folder_refuses_and_the_first_goes_on() {
    let site = Site::new();
    let server = site.start().await;
    let (status, told) = site.run_beside().await;
    assert!(!status.success(), "{status}: {told}");
    let folder = site.data().display().to_string();
    assert!(told.contains(&folder) && told.contains("in use by another process"), "{told}");
    let pid = server.pid().expect("it runs");
    assert!(told.contains(&format!("pid {pid}")), "it does not say who has it: {told}");
    let body = json!({"kind": "agent", "name": "still here"});
    site.api().ask(&Request::create(&body, "key")).await.ok();
}

#[tokio::test]
async fn a_folder_of_a_newer_format_is_refused_and_left_as_it_is() {
    let site = Site::new();
    let mut server = site.start().await;
    let body = json!({"kind": "agent", "name": "precious"});
    site.api().ask(&Request::create(&body, "key")).await.ok();
    server.kill().await;

    let format = site.data().join("FORMAT");
    let known = fs::read_to_string(&format).expect("the folder says its format");
    fs::write(&format, "999\n").expect("the folder is ours");
    let before = files(&site);
    let (status, told) = site.run_beside().await;
    assert!(!status.success(), "{status}: {told}");
    let folder = site.data().display().to_string();
    assert!(told.contains(&folder) && told.contains("format 999"), "{told}");
    assert_eq!(files(&site), before, "it changed what it could not read");

    fs::write(&format, known).expect("the folder is ours");
    let _server = site.start().await;
    assert_eq!(site.api().list(None).await.len(), 1);
}

/// The files that hold data, and their lengths.
fn files(site: &Site) -> Vec<(String, u64)> {
    let entries = fs::read_dir(site.data()).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("the folder is readable");
            let length = entry.metadata().expect("the file is there").len();
            (entry.file_name().to_string_lossy().into_owned(), length)
        })
        // The lock says who tried last.
        .filter(|(name, _)| name != "heartline.lock")
        .collect();
    files.sort();
    files
}
