//! Where a run takes place: the machine, the disk, and a fresh server for each workload.

use std::{
    fs, iter,
    path::{Path, PathBuf},
    thread,
};

use tempfile::TempDir;

use crate::{
    arguments::Common,
    error::{Doing, Error, Result},
    limits::Limits,
    process::{Sample, Usage, mebibytes, raise_open_files},
    report::Report,
    server::{Launch, Server, beside_this_binary},
    supervisor::Supervisor,
};

/// File systems that keep nothing, on which a sync costs nothing.
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs", "devtmpfs"];

/// The machine and the folder everything is written to; the folder goes when this does.
#[derive(Debug)]
pub(crate) struct Lab {
    common: Common,
    folder: TempDir,
    file_system: String,
    program: Option<PathBuf>,
}

/// A reading of server and load generator together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) server: Sample,
    bench: Sample,
}

/// A workload under way: its server, the limits measured before it, the report to fill.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) server: Server,
    pub(crate) limits: Limits,
    pub(crate) report: Report,
}

impl Lab {
    /// Checks the disk and finds the server.
    pub(crate) fn new(common: Common) -> Result<Self> {
        raise_open_files()?;
        let base = fs::canonicalize(&common.data_dir)
            .doing(format!("finding {}", common.data_dir.display()))?;
        let file_system = file_system_of(&base)?;
        if IN_MEMORY.contains(&file_system.as_str()) {
            return Err(Error::Setup(format!(
                "{} is {file_system}, where a sync costs nothing; choose a folder on a disk with \
                 --data-dir",
                base.display()
            )));
        }
        let folder = tempfile::Builder::new()
            .prefix("heartline-bench-")
            .tempdir_in(&base)
            .doing(format!("creating a folder in {}", base.display()))?;
        let program = match (&common.server, &common.server_bin) {
            (Some(_), _) => None,
            (None, Some(program)) => Some(program.clone()),
            (None, None) => Some(beside_this_binary("heartline")?),
        };
        Ok(Self { common, folder, file_system, program })
    }

    /// A fresh folder for one server.
    pub(crate) fn data_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).doing(format!("creating {}", path.display()))?;
        Ok(path)
    }

    /// Starts the server on `data`, or uses the one that runs.
    pub(crate) fn server(&self, data: &Path) -> Result<Server> {
        match (self.common.server, self.common.server_pid, &self.program) {
            (Some(address), Some(pid), _) => Ok(Server::running(address, pid)),
            (_, _, Some(program)) => Server::start(&Launch {
                program,
                arguments: ["serve", "--listen", "127.0.0.1:0", "--data"]
                    .into_iter()
                    .map(str::to_owned)
                    .chain(iter::once(data.display().to_string()))
                    .collect(),
                log: self.folder.path().join("server.log"),
                ready_path: Some("/readyz"),
                address: None,
            }),
            (_, _, None) => Err(Error::Setup("--server needs --server-pid".to_owned())),
        }
    }

    /// Whether servers are started here, so that they can be killed and started again.
    pub(crate) fn starts_servers(&self) -> bool {
        self.program.is_some()
    }

    /// Measures the limits, starts a server and opens a report.
    pub(crate) fn trial(&self, workload: &'static str, what: &str) -> Result<Trial> {
        let limits = Limits::measure(self.folder.path())?;
        let mut report = Report::new(workload, what);
        let cores = thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let machine = format!("{cores} cores, shared with this load generator; {}", processor());
        report.row("machine", &machine, serde_json::json!({"cores": cores, "text": machine}));
        report.row("file_system", &self.file_system, &self.file_system);
        let durability = "every ack after a sync";
        report.row("durability", durability, durability);
        Ok(Trial { server: self.server(&self.data_folder(workload)?)?, limits, report })
    }

    /// Ends the server, measures the limits once more and reports them.
    pub(crate) fn close(&self, trial: &mut Trial) -> Result<()> {
        trial.server.kill()?;
        trial.limits.measure_again(self.folder.path())?;
        trial.limits.report(&mut trial.report);
        Ok(())
    }

    /// Removes what a workload left, so that the next one has the disk to itself.
    pub(crate) fn clear(&self) -> Result<()> {
        let folder = self.folder.path();
        for entry in fs::read_dir(folder).doing(format!("reading {}", folder.display()))? {
            let path = entry.doing("reading a folder")?.path();
            if path.is_dir() {
                fs::remove_dir_all(&path).doing(format!("removing {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Where a peer may write its log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Reading {
    /// Reads both processes now.
    pub(crate) fn take(server: &Server) -> Result<Self> {
        Ok(Self { server: server.sample()?, bench: Sample::take(std::process::id())? })
    }

    /// Processor time since `earlier`: the server's and the load generator's.
    pub(crate) fn since(&self, earlier: &Reading) -> (Usage, Usage) {
        (self.server.since(&earlier.server), self.bench.since(&earlier.bench))
    }

    /// Adds processor time since `earlier`.
    pub(crate) fn report_cpu(&self, earlier: &Reading, report: &mut Report) {
        let (server, bench) = self.since(earlier);
        report_usage(&server, &bench, report);
    }
}

/// Adds processor time.
pub(crate) fn report_usage(server: &Usage, bench: &Usage, report: &mut Report) {
    report.row("server_cpu", server.text(), server);
    report.row("bench_cpu", bench.text(), bench);
}

/// Adds the server's memory before and after a load.
pub(crate) fn report_memory(before: &Sample, after: &Sample, report: &mut Report) {
    report.row(
        "server_rss",
        format!("before {:.1} MiB   after {:.1} MiB", mebibytes(before.rss), mebibytes(after.rss)),
        serde_json::json!({"before_bytes": before.rss, "after_bytes": after.rss}),
    );
}

/// Adds what the supervisor said before and after a load.
pub(crate) fn report_supervisor(before: &Supervisor, trial: &mut Trial) -> Result<()> {
    let after = trial.server.supervisor()?;
    after.report(before, &mut trial.report);
    Ok(())
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    model.unwrap_or("unknown processor").to_owned()
}

/// The type of the file system that holds `path`, from the longest mount point above it.
fn file_system_of(path: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").doing("reading mountinfo")?;
    mounted_at(&mounts, path)
        .ok_or_else(|| Error::protocol("mountinfo", format!("nothing above {}", path.display())))
}

fn mounted_at(mounts: &str, path: &Path) -> Option<String> {
    // Later mounts hide earlier ones on the same point, so the last of the longest counts.
    mounts
        .lines()
        .filter_map(|line| {
            let (place, kind) = line.split_once(" - ")?;
            let point = place.split(' ').nth(4)?;
            let kind = kind.split(' ').next()?;
            path.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_and_latest_mount_counts() {
        let mounts = "21 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 21 0:25 / /tmp rw - tmpfs tmpfs rw\n\
                      31 30 254:1 / /tmp/disk rw shared:1 - xfs /dev/vdb rw\n\
                      32 30 254:2 / /tmp/disk rw - btrfs /dev/vdc rw\n";
        let kind = |path: &str| mounted_at(mounts, Path::new(path)).unwrap();
        assert_eq!(kind("/work"), "ext4");
        assert_eq!(kind("/tmp/x"), "tmpfs");
        assert_eq!(kind("/tmp/disk/x"), "btrfs");
        assert_eq!(kind("/tmpx"), "ext4");
    }

    #[test]
    fn a_folder_in_memory_is_refused() {
        let shm = Path::new("/dev/shm");
        if !shm.exists() || file_system_of(shm).unwrap() != "tmpfs" {
            return;
        }
        let common = Common {
            server_bin: Some("/bin/true".into()),
            server: None,
            server_pid: None,
            data_dir: shm.to_owned(),
            json: false,
        };
        let error = Lab::new(common).unwrap_err().to_string();
        assert!(error.contains("a sync costs nothing"), "{error}");
    }
}
