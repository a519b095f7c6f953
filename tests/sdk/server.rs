//! A server of a test's own: the real binary, killed and started again at the same address.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::binary;

/// No step takes nearly as long, even on a machine that does much else.
pub(crate) const BOUND: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    data: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (child, url) = serve(data.path(), "127.0.0.1:0");
        Self { child, url, data }
    }

    /// SIGKILL, and up again at the same address.
    pub(crate) fn crash_and_restart(&mut self) {
        self.kill();
        let listen = self.url.strip_prefix("http://").unwrap().to_owned();
        // A client elsewhere on this machine may have got the port for a moment: it is one of
        // those that the system hands out.
        let deadline = Instant::now() + BOUND;
        while std::net::TcpListener::bind(&listen).is_err() {
            assert!(Instant::now() < deadline, "{listen} does not become free");
            std::thread::yield_now();
        }
        let (child, url) = serve(self.data.path(), &listen);
        assert_eq!(url, self.url);
        self.child = child;
    }

    fn kill(&mut self) {
        // It may be gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(data: &Path, listen: &str) -> (Child, String) {
    let mut child = binary::command()
        .args(["serve", "--listen", listen, "--data"])
        .arg(data)
        // However long a busy machine takes to start it, its runners may come back.
        .env("HEARTLINE_SUPERVISION_BOOT_GRACE", "1m")
        .env("HEARTLINE_SUPERVISION_RUNNER_GRACE", "1m")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("address"))
        .expect("it says where it listens");
    // What it says later must not fill the pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (child, line.split_whitespace().last().unwrap().to_owned())
}
