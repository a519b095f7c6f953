//! Other servers that sync before they acknowledge, found and started for a comparison.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use crate::{
    arguments::WatchedPeer,
    error::{Doing, Result},
    lab::Lab,
    report::Report,
    server::{Launch, Server, beside_this_binary},
};

/// The version of `durable-streams` compared with.
const DURABLE_STREAMS: &str = "0.1.5";

impl WatchedPeer {
    /// Its program, unless another one is named.
    fn program(self) -> &'static str {
        match self {
            WatchedPeer::DurableStreams => "durable-streams-server",
            WatchedPeer::Redis => "redis-server",
            WatchedPeer::Bare => "heartline-bench",
        }
    }

    /// What it is and how it is told to sync.
    pub(crate) fn describe(self) -> String {
        match self {
            WatchedPeer::DurableStreams => {
                format!("durable-streams {DURABLE_STREAMS}, --durability wal")
            }
            WatchedPeer::Redis => "Redis Streams, --appendonly yes --appendfsync always".to_owned(),
            WatchedPeer::Bare => {
                "one thread that writes each event to a file, syncs it and sends it on".to_owned()
            }
        }
    }

    fn installation(self) -> String {
        match self {
            WatchedPeer::DurableStreams => format!(
                "cargo install durable-streams --version {DURABLE_STREAMS} --root DIR\n\
                 and name it with --peer-bin DIR/bin/durable-streams-server"
            ),
            WatchedPeer::Redis => "apt-get install redis-server\n\
                                   or name one with --peer-bin PATH/redis-server"
                .to_owned(),
            WatchedPeer::Bare => "name this program with --peer-bin".to_owned(),
        }
    }
}

/// Starts `peer` on an empty folder; where it is not installed, says how and starts nothing.
pub(crate) fn start(
    lab: &Lab,
    peer: WatchedPeer,
    program: Option<&Path>,
    report: &mut Report,
) -> Result<Option<Server>> {
    let program = match (program, peer) {
        (Some(program), _) => program.to_owned(),
        (None, WatchedPeer::Bare) => beside_this_binary(peer.program())?,
        (None, _) => PathBuf::from(peer.program()),
    };
    let Some(program) = found(&program) else {
        let text = format!(
            "skipped: there is no {}; install it with\n{}",
            program.display(),
            peer.installation()
        );
        report.row("peer", text, "skipped");
        return Ok(None);
    };
    report.row("peer", peer.describe(), peer.program());
    // Neither can choose a port itself, so one that is free now is handed to it.
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("finding a free port")?;
    let address = probe.local_addr().doing("finding a free port")?;
    drop(probe);
    let folder = lab.data_folder("peer")?.display().to_string();
    Server::start(&Launch {
        program: &program,
        arguments: arguments(peer, address, &folder),
        log: lab.folder().join("peer.log"),
        ready_path: None,
        address: Some(address),
    })
    .map(Some)
}

fn arguments(peer: WatchedPeer, address: SocketAddr, folder: &str) -> Vec<String> {
    let port = address.port().to_string();
    let words: &[&str] = match peer {
        WatchedPeer::DurableStreams => {
            &["--port", &port, "--data-dir", folder, "--durability", "wal"]
        }
        WatchedPeer::Bare => &["bare", "--port", &port, "--folder", folder],
        WatchedPeer::Redis => &[
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            folder,
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ],
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The program at a path, or of that name in `PATH`.
pub(crate) fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_path_or_by_name() {
        assert_eq!(found(Path::new("sh")).map(|path| path.is_file()), Some(true));
        assert_eq!(found(Path::new("/no/such/program")), None);
        assert_eq!(found(Path::new("no-such-program-here")), None);
    }
}
