//! A network of a test's own, whose rules it may change as it likes: a second process of the test,
//! for which root, `ip` and `unshare` are needed.

use std::{env, process::Command};

/// Set in the process that has a network of its own.
const INSIDE: &str = "TEST_OWN_NETWORK";

/// Makes a change to the network.
pub(crate) fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Runs `inside`, the body of the test of this name, in a network of its own; says so where that
/// cannot be. `module` is the test's `module_path!()`.
pub(crate) async fn with_its_own(module: &str, name: &str, inside: impl Future<Output = ()>) {
    if env::var_os(INSIDE).is_some() {
        ip("link set lo up").expect("it is this network's own");
        return inside.await;
    }
    let test = format!("{}::{name}", module.split_once("::").expect("in a module").1);
    let running = tokio::task::spawn_blocking(move || run_inside(&test));
    if let Err(reason) = running.await.expect("it goes well inside") {
        eprintln!("SKIPPED {name}: {reason}");
    }
}

/// Runs a test in a network of its own; the reason where that cannot be.
fn run_inside(test: &str) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root may make a network".to_owned());
    }
    let can = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    let can = can.map_err(|error| format!("unshare: {error}"))?;
    if !can.status.success() {
        return Err(String::from_utf8_lossy(&can.stderr).trim().to_owned());
    }
    let inside = Command::new("unshare")
        .arg("--net")
        .arg(env::current_exe().expect("this test is a program"))
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare was there a moment ago");
    let said = String::from_utf8_lossy(&inside.stdout);
    println!("{said}{}", String::from_utf8_lossy(&inside.stderr));
    assert!(inside.status.success(), "in its own network: {}", inside.status);
    assert!(said.contains("1 passed"), "there is no test {test}");
    Ok(())
}
