//! The server under load: the real binary as a child process, or one that already runs.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::{Doing, Error, Result, ending},
    http,
    pace::pass,
    process::Sample,
    supervisor::Supervisor,
};

/// How long a server may take to print its address and to become ready; a restart that recovers
/// a million executions must fit.
const START: Duration = Duration::from_secs(120);
/// Between two questions whether it is ready; this is the resolution of restart times.
const POLL: Duration = Duration::from_millis(2);
/// How much of its output an error shows.
const LOG_TAIL: usize = 2_000;

/// A server and what is known of it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    pid: u32,
    /// Absent when it was running before.
    child: Option<Running>,
    /// From starting the process to its first `200` from `/readyz`; zero when it ran before.
    pub(crate) ready_after: Duration,
}

#[derive(Debug)]
struct Running {
    process: Child,
    log: PathBuf,
}

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    /// The program.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Where its standard error goes.
    pub(crate) log: PathBuf,
    /// What answers `200` when it is ready; `None` when its address on stdout says so.
    pub(crate) ready_path: Option<&'static str>,
    /// Where it will listen, when it does not print that; it is ready when it accepts.
    pub(crate) address: Option<SocketAddr>,
}

impl Server {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self> {
        let program = launch.program.display();
        let log = File::options().create(true).append(true).open(&launch.log);
        let log = log.doing(format!("opening {}", launch.log.display()))?;
        let begun = Instant::now();
        let mut process = Command::new(launch.program)
            .args(&launch.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .doing(format!("starting {program}"))?;
        let stdout = process.stdout.take().expect("stdout is piped");
        let pid = process.id();
        let running = Running { process, log: launch.log.clone() };
        // From here on the child is ended when this value is dropped, whatever happens.
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            pid,
            child: Some(running),
            ready_after: Duration::ZERO,
        };
        let printed = address_printed(stdout);
        if let Some(address) = launch.address {
            server.address = address;
            server.wait_until("accept", begun, || TcpStream::connect(address).is_ok())?;
        } else {
            let printed = printed.recv_timeout(START);
            server.address = printed.map_err(|_| server.gone("printed no address"))?;
        }
        if let Some(path) = launch.ready_path {
            // Refused connections and 503 both mean: not yet.
            let address = server.address;
            let ready = || matches!(http::fetch(address, path), Ok((200, _)));
            server.wait_until("become ready", begun, ready)?;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// Uses one that runs already, as process `pid`.
    pub(crate) fn running(address: SocketAddr, pid: u32) -> Self {
        Self { address, pid, child: None, ready_after: Duration::ZERO }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its cost so far.
    pub(crate) fn sample(&self) -> Result<Sample> {
        Sample::take(self.pid)
    }

    /// How it says it is.
    pub(crate) fn supervisor(&self) -> Result<Supervisor> {
        Supervisor::ask(self.address)
    }

    /// Ends it with SIGKILL, as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut running) = self.child.take() {
            running.process.kill().doing("killing the server")?;
            running.process.wait().doing("waiting for the server to end")?;
        }
        Ok(())
    }

    fn wait_until(
        &mut self,
        what: &str,
        begun: Instant,
        mut settled: impl FnMut() -> bool,
    ) -> Result<()> {
        while !settled() {
            let ended = match self.child.as_mut() {
                Some(running) => running.process.try_wait().doing("asking after the server")?,
                None => None,
            };
            if ended.is_some() || begun.elapsed() > START {
                return Err(self.gone(&format!("did not {what}")));
            }
            pass(POLL);
        }
        Ok(())
    }

    fn gone(&mut self, what: &str) -> Error {
        let (status, log) = self.child.as_mut().map_or_else(Default::default, |running| {
            let status = running.process.try_wait().ok().flatten();
            (ending(status), tail(&running.log))
        });
        Error::ServerGone { what: what.to_owned(), status, log }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("warning: {error}");
        }
    }
}

/// Reads `stdout` to its end, so that the server never blocks on it, and sends the first address.
fn address_printed(stdout: ChildStdout) -> mpsc::Receiver<SocketAddr> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if let Some(address) = address_in(&line)
                && let Some(sender) = sender.take()
            {
                // The receiver is gone only when nobody waits any more.
                let _ = sender.send(address);
            }
        }
    });
    receiver
}

/// The first loopback address with a real port in `line`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let at = line.find("127.0.0.1:")?;
    let rest = &line[at..];
    let digits = rest.split_once(':')?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let port: u16 = digits[..end].parse().ok()?;
    (port != 0).then(|| SocketAddr::from(([127, 0, 0, 1], port)))
}

fn tail(log: &Path) -> String {
    let mut text = String::new();
    let read = File::open(log).and_then(|mut file| file.read_to_string(&mut text));
    if let Err(error) = read {
        return format!("(unreadable: {error})");
    }
    let from = text.floor_char_boundary(text.len().saturating_sub(LOG_TAIL));
    text[from..].to_owned()
}

/// The binary `name` beside this one, so the same build of both.
pub(crate) fn beside_this_binary(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().doing("finding this program")?;
    let path = this.with_file_name(name);
    if fs::exists(&path).doing(format!("looking for {}", path.display()))? {
        return Ok(path);
    }
    Err(Error::Setup(format!(
        "there is no {}; build it with `cargo build --release`, or name one with --server-bin",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_the_server_prints() {
        let port = |line| address_in(line).map(|address| address.port());
        assert_eq!(port("listening on http://127.0.0.1:7400"), Some(7400));
        assert_eq!(port("http://127.0.0.1:41231/  data: /tmp/x"), Some(41231));
        assert_eq!(port("--listen 127.0.0.1:0"), None);
        assert_eq!(port("data: /tmp/x"), None);
    }

    #[test]
    fn a_program_that_ends_is_told_with_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".to_owned(), "echo 'no disk' >&2; exit 3".to_owned()],
            log: folder.path().join("server.log"),
            ready_path: Some("/readyz"),
            address: None,
        };
        let error = Server::start(&launch).unwrap_err().to_string();
        assert!(error.contains("printed no address"), "{error}");
        assert!(error.contains("no disk"), "{error}");
    }
}
