//! The server as a child process, on a port and a folder that its test owns.
//!
//! It can be started again and again on the same folder and the same port, as after a crash. It is
//! killed when its test ends, however that ends.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::watch,
    time::timeout,
};

use super::api::Api;
use crate::binary;

/// How long anything here may take before the test says that it hangs: two busy cores are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A port and a folder for one server at a time.
pub(crate) struct Site {
    folder: TempDir,
    port: u16,
    settings: Vec<(&'static str, String)>,
    /// What every server here wrote to its standard error.
    log: watch::Sender<Vec<String>>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, port: free_port(), settings: Vec::new(), log: watch::Sender::default() }
    }

    /// A setting of every server that is started here from now on.
    pub(crate) fn with(mut self, variable: &'static str, value: impl ToString) -> Self {
        self.settings.push((variable, value.to_string()));
        self
    }

    /// The folder of everything here.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(&self.address())
    }

    /// Starts a server and waits until it takes work.
    pub(crate) async fn start(&self) -> Server {
        let mut server = self.launch(&[]);
        server.ready().await;
        server
    }

    /// Starts a server that kills itself at `point`, and waits until it takes work.
    pub(crate) async fn start_doomed(&self, point: &str) -> Server {
        let mut server = self.launch(&[("HEARTLINE_DEBUG_CRASH_AT", point)]);
        server.ready().await;
        server
    }

    /// Starts a server and waits for nothing.
    pub(crate) fn launch(&self, settings: &[(&str, &str)]) -> Server {
        let mut child = self.command(&self.address(), settings).spawn().expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = self.log.clone();
        log.send_modify(|lines| lines.push("--- start".to_owned()));
        tokio::spawn(keep(stderr, log));
        let address = self.address();
        Server { child, stdout, address, log: self.log.subscribe() }
    }

    /// A server of its own beside this site's, on the same folder, run to its end.
    pub(crate) async fn run_beside(&self) -> (ExitStatus, String) {
        let output = self.command("127.0.0.1:0", &[]).output();
        let output = timeout(PATIENCE, output).await.expect("it ends by itself");
        let output = output.expect("the binary starts");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self, listen: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::from(binary::command());
        command.args(["serve", "--listen", listen, "--data"]).arg(self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// No server here has complained of a fault of its own.
    pub(crate) fn assert_no_errors_logged(&self) {
        self.assert_not_logged(&["ERROR", "panicked at"]);
    }

    /// No server here has complained of more than its disk.
    pub(crate) fn assert_nothing_panicked(&self) {
        self.assert_not_logged(&["panicked at"]);
    }

    fn assert_not_logged(&self, words: &[&str]) {
        let lines = self.log.borrow();
        let bad = |line: &&String| words.iter().any(|word| line.contains(word));
        let found: Vec<_> = lines.iter().filter(bad).collect();
        assert!(found.is_empty(), "the server logged errors: {found:#?}");
    }
}

/// One server process.
pub(crate) struct Server {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    address: String,
    log: watch::Receiver<Vec<String>>,
}

impl Server {
    /// Waits until it says that it takes work: it prints its address then.
    pub(crate) async fn ready(&mut self) {
        while !self.next_line().await.contains(&self.address) {}
    }

    async fn next_line(&mut self) -> String {
        let line = timeout(PATIENCE, self.stdout.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("it did not get ready:\n{}", self.tail()));
        let line = line.expect("its output is UTF-8");
        line.unwrap_or_else(|| panic!("it ended before it was ready:\n{}", self.tail()))
    }

    /// Waits until it has logged `count` more lines or is ready: somewhere on its way up.
    pub(crate) async fn on_its_way(&mut self, count: usize) {
        let mut log = self.log.clone();
        let seen = log.borrow().len();
        tokio::select! {
            logged = log.wait_for(|lines| lines.len() >= seen + count) => drop(logged),
            () = self.ready() => {}
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.start_kill().expect("it was alive");
        assert_eq!(self.ended().await.signal(), Some(9));
    }

    /// Waits until it has killed itself.
    pub(crate) async fn killed(&mut self) {
        let status = self.ended().await;
        assert_eq!(status.signal(), Some(9), "{status}:\n{}", self.tail());
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.expect("it was alive"), Signal::TERM).expect("it was alive");
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it did not end:\n{}", self.tail()));
        status.expect("it is a child of ours")
    }

    /// The last that it logged.
    pub(crate) fn tail(&self) -> String {
        let lines = self.log.borrow();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// Keeps what a server logs, so that it never blocks on its log and a failed test can show it.
async fn keep(stderr: BufReader<impl AsyncRead + Unpin>, log: watch::Sender<Vec<String>>) {
    let mut lines = stderr.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.send_modify(|lines| lines.push(line));
    }
}

/// A port that nobody has now. Below those that the kernel hands out by itself: one of these could
/// be taken while the server is down, by a client that connects to itself, for example.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ephemeral = range.split_whitespace().next().and_then(|low| low.parse().ok());
    let high: u16 = ephemeral.unwrap_or(32_768).max(12_000);
    let start = std::process::id() as u16;
    let ports = u16::MAX;
    (0..ports)
        .map(|_| {
            10_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (high - 10_000)
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("some port is free")
}
