//! Measures commits against the disk itself: `cargo run --release -p heartline-storage --example
//! commit [FOLDER]`. Each line is one workload; the raw lines write the same number of bytes to a
//! file that already has its size, and wait for the disk with `fdatasync`.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use heartline_execution::{
    Event, EventBody, ExecutionId, Kind, Name, Spec, Timestamp,
    event::{Private, RunnerInfo, Started},
    state::apply,
};
use heartline_storage::{
    Append, ExecutionStore, Facets, Options, Record, RocksStore, Summary, encode_state,
};

/// Each workload runs this long.
const TIME: Duration = Duration::from_secs(4);
/// Executions that are written to in turn.
const HOT: usize = 128;
/// Live executions for the scan and the restart.
const LIVE: usize = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let folder = given.unwrap_or_else(|| std::env::temp_dir().join("heartline-commit"));
    let data = folder.join("data");
    fs::create_dir_all(&folder)?;
    let _: std::io::Result<()> = fs::remove_dir_all(&data); // There may be none.
    let store = RocksStore::open(&data, Options::default())?;
    let mut writers: Vec<_> = (0..HOT).map(Writer::new).collect();
    let creations: Vec<_> = writers.iter_mut().map(Writer::create).collect();
    committed(&store, &creations)?;
    for size in [1, 8, 64, 128] {
        // A record's head and key, and RocksDB's own, come to some 96 bytes.
        let bytes = (writers[0].json.len() + 96) * size;
        report(&format!("raw fdatasync, {bytes} bytes"), size, &raw(&folder, bytes)?);
        let mut times = Vec::new();
        let began = Instant::now();
        while began.elapsed() < TIME {
            let batch = appends(&mut writers, size, times.len() * size);
            let from = Instant::now();
            committed(&store, &batch)?;
            times.push(from.elapsed());
        }
        report("commit, one 256-byte event each", size, &times);
    }
    lives(&store)?;
    drop(store);
    let from = Instant::now();
    let store = RocksStore::open(&data, Options::default())?;
    let opened = from.elapsed();
    let from = Instant::now();
    let mut found = 0;
    store.live(&mut |_| found += 1)?;
    println!("open {opened:?}, then scan of {found} live {:?}; {}", from.elapsed(), memory());
    let from = Instant::now();
    store.recover()?;
    println!("close and open {:?}", from.elapsed());
    drop(store);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

struct Writer {
    id: ExecutionId,
    head: u64,
    json: Bytes,
}

impl Writer {
    fn new(n: usize) -> Self {
        // Spread like UUIDv7 made within one second.
        let id = ExecutionId::new(
            Kind::Agent,
            (0x0198_1f00_0000_7000 << 64) | (n as u128 * 0x0001_0001),
        );
        let head = format!(
            "{{\"seq\":100000,\"prev\":99999,\"execution_id\":\"{id}\",\"attempt\":1,\"time\":\
             \"2026-01-02T03:04:05.000006Z\",\"type\":\"TEXT_MESSAGE_CONTENT\",\"data\":"
        );
        let json = Bytes::from(format!("{head}{:?}}}", "x".repeat(254)));
        Self { id, head: 0, json }
    }

    fn post(&mut self, salt: usize) -> Append {
        let expected_seq = self.head;
        self.head += 1;
        // Text of its own in each event, so that compression has its usual work.
        let mut json = self.json.to_vec();
        let at = json.len() - 200;
        for n in 0..8 {
            let word = format!("{:016x}", (salt * 8 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            json[at + n * 24..at + n * 24 + 16].copy_from_slice(word.as_bytes());
        }
        self.append(expected_seq, json.into(), false)
    }

    fn create(&mut self) -> Append {
        self.head = 1;
        self.append(0, self.json.clone(), true)
    }

    fn append(&self, expected_seq: u64, json: Bytes, lifecycle: bool) -> Append {
        let private = Private { lease: None, batch: Some(expected_seq) };
        Append {
            namespace: Name::default_namespace(),
            id: self.id,
            expected_seq,
            records: vec![Record { seq: expected_seq + 1, lifecycle, private, json }],
            standing: None,
            summary: None,
            snapshot: None,
            idempotency: None,
            decided_at: Timestamp(i64::MIN),
        }
    }
}

fn appends(writers: &mut [Writer], size: usize, salt: usize) -> Vec<Append> {
    (0..size).map(|n| writers[(salt + n) % HOT].post(salt + n)).collect()
}

fn committed(store: &RocksStore, batch: &[Append]) -> Result<(), Box<dyn std::error::Error>> {
    for outcome in store.commit(batch)? {
        outcome?;
    }
    Ok(())
}

/// Creates and claims executions with everything derived from them.
fn lives(store: &RocksStore) -> Result<(), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for first in (0..LIVE).step_by(64) {
        let batch: Vec<_> = (first..LIVE.min(first + 64)).flat_map(live).collect();
        let from = Instant::now();
        committed(store, &batch)?;
        times.push(from.elapsed());
    }
    report("create and claim, with list and live rows", 128, &times);
    Ok(())
}

fn live(n: usize) -> [Append; 2] {
    let id =
        ExecutionId::new(Kind::Agent, (0x0198_2000_0000_7000 << 64) | (n as u128 * 0x0001_0001));
    let mut spec = Spec::new(Kind::Agent, "summarise");
    spec.labels.insert("team".to_owned(), format!("t{}", n % 10));
    let runner = RunnerInfo {
        id: Name::default_namespace(),
        name: Some("a runner".to_owned()),
        host: Some("host-1".to_owned()),
        pid: Some(4711),
        version: Some("1.0".to_owned()),
    };
    let bodies =
        [EventBody::Created(Box::new(spec)), EventBody::Started(Started { attempt: 1, runner })];
    let mut state = None;
    let mut before: Option<Facets> = None;
    bodies.map(|body| {
        let seq = state.as_ref().map_or(0, |state: &heartline_execution::State| state.seq) + 1;
        let lease = (seq == 2).then_some(heartline_execution::LeaseId(n as u128));
        let private = Private { lease, batch: None };
        let time = Timestamp(1_800_000_000_000_000 + n as i64);
        let event = Event { seq, execution_id: id, attempt: 0, time, body, private };
        let mut json = Vec::new();
        event.encode(&mut json);
        apply(&mut state, &event).expect("a created and claimed execution");
        let state = state.as_ref().expect("it exists");
        let facets = Facets::of(state);
        let summary = Summary {
            json: Bytes::from(vec![b'x'; 700]),
            before: before.replace(facets.clone()),
            facets,
        };
        Append {
            namespace: Name::default_namespace(),
            id,
            expected_seq: seq - 1,
            records: vec![Record { seq, lifecycle: true, private, json: json.into() }],
            standing: Some(state.standing()),
            summary: Some(summary.into()),
            snapshot: (seq == 2).then(|| encode_state(state)),
            idempotency: None,
            decided_at: Timestamp(i64::MIN),
        }
    })
}

fn raw(folder: &Path, bytes: usize) -> std::io::Result<Vec<Duration>> {
    const SIZE: u64 = 32 << 20;
    let path = folder.join("raw");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; SIZE as usize])?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let payload = vec![7; bytes];
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < TIME / 2 {
        if file.stream_position()? + bytes as u64 > SIZE {
            file.seek(SeekFrom::Start(0))?;
        }
        let from = Instant::now();
        file.write_all(&payload)?;
        file.sync_data()?;
        times.push(from.elapsed());
    }
    fs::remove_file(path)?;
    Ok(times)
}

fn report(what: &str, batch: usize, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let total: Duration = times.iter().sum();
    let rate = (times.len() * batch) as f64 / total.as_secs_f64();
    println!(
        "batch {batch:3}  p50 {:>8.1?}  p99 {:>8.1?}  max {:>8.1?}  {rate:>9.0}/s  {what}",
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

/// Resident memory, where the system tells.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS unknown");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
