//! One log under write: its request as prebuilt bytes, and what has been acknowledged of it.
//!
//! Every event carries its number, counted from 1 per log, so that an audit can tell which event
//! stands at which seq.

use crate::{
    crowd::resp,
    error::{Error, Result},
    http::{Host, Patch},
    population::Lease,
};

/// Stands in a request where a number goes.
const MARK: u8 = b'~';
/// Digits of a number: more than any run can count.
const WIDTH: usize = 10;
/// What an event's data is without filling.
const DATA_START: &str =
    "{\"name\":\"log\",\"value\":{\"level\":\"info\",\"message\":\"n=~~~~~~~~~~ ";
const DATA_END: &str = "\"}}";
/// What stands before an event's number.
pub(super) const NUMBER_KEY: &[u8] = b"\"message\":\"n=";

/// A log and its writer's state.
#[derive(Debug)]
pub(super) struct Log {
    /// The execution, or the peer's path of the stream.
    pub(super) name: String,
    /// What has been acknowledged.
    pub(super) acked: Acked,
    request: Vec<u8>,
    id: Option<Id>,
    batch_at: Option<Patch>,
    numbers_at: Vec<Patch>,
    batch: u64,
    number: u64,
}

/// Where a frame's id stands, and what it is: the producer's number and the batch's.
#[derive(Clone, Copy, Debug)]
struct Id {
    at: Patch,
    producer: u64,
    producers: u64,
}

/// Acknowledged events as runs, in which number and seq advance together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acked {
    /// In the order of both.
    pub(super) runs: Vec<Run>,
}

/// Events `number..number + count` at seqs `seq..seq + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) seq: u64,
    pub(super) count: u64,
}

impl Log {
    /// A log written under `lease`.
    pub(super) fn leased(host: &Host, lease: &Lease, size: usize, events: usize) -> Result<Self> {
        let event = format!("{{\"type\":\"CUSTOM\",\"data\":{}}}", data(size)?);
        let body = format!(
            "{{\"lease\":\"{}\",\"batch\":~~~~~~~~~~,\"events\":[{}]}}",
            lease.token,
            vec![event; events].join(",")
        );
        let path = format!("/v1/executions/{}/events", lease.execution);
        let request = host.post(&path, &body);
        let mut numbers_at = Patch::find(&request, MARK, WIDTH, b'0');
        let batch_at = Some(numbers_at.remove(0).filled_with(b' '));
        Ok(Self::new(lease.execution.clone(), request, batch_at, numbers_at))
    }

    /// The same as frames of a runner's socket. A frame's id tells `producer`, of so many, and the
    /// batch: it is the batch's number times `producers`, and the producer's added.
    pub(super) fn framed(
        lease: &Lease,
        (producer, producers): (usize, usize),
        size: usize,
        events: usize,
    ) -> Result<Self> {
        let event = format!("{{\"type\":\"CUSTOM\",\"data\":{}}}", data(size)?);
        let request = format!(
            "{{\"op\":\"events\",\"id\":~~~~~~~~~~,\"execution\":\"{}\",\"lease\":\"{}\",\
             \"batch\":~~~~~~~~~~,\"events\":[{}]}}",
            lease.execution,
            lease.token,
            vec![event; events].join(",")
        )
        .into_bytes();
        let mut numbers_at = Patch::find(&request, MARK, WIDTH, b'0');
        let at = numbers_at.remove(0).filled_with(b' ');
        let batch_at = Some(numbers_at.remove(0).filled_with(b' '));
        let mut log = Self::new(lease.execution.clone(), request, batch_at, numbers_at);
        log.id = Some(Id { at, producer: producer as u64, producers: producers as u64 });
        Ok(log)
    }

    /// An entry for a stream of Redis, each with an event's data.
    pub(super) fn added(name: &str, size: usize, events: usize) -> Result<Self> {
        let data = data(size)?;
        let add: &[&[u8]] = &[b"XADD", name.as_bytes(), b"*", b"d", data.as_bytes()];
        let request = match events {
            1 => resp::command(add),
            _ => [
                resp::command(&[b"MULTI"]),
                resp::command(add).repeat(events),
                resp::command(&[b"EXEC"]),
            ]
            .concat(),
        };
        let numbers_at = Patch::find(&request, MARK, WIDTH, b'0');
        Ok(Self::new(name.to_owned(), request, None, numbers_at))
    }

    /// A stream of the peer: the same data without an envelope.
    pub(super) fn streamed(host: &Host, path: &str, size: usize, events: usize) -> Result<Self> {
        let event = data(size)?;
        let body = match events {
            1 => event,
            _ => format!("[{}]", vec![event; events].join(",")),
        };
        let request = host.post(path, &body);
        let numbers_at = Patch::find(&request, MARK, WIDTH, b'0');
        Ok(Self::new(path.to_owned(), request, None, numbers_at))
    }

    fn new(
        name: String,
        request: Vec<u8>,
        batch_at: Option<Patch>,
        numbers_at: Vec<Patch>,
    ) -> Self {
        let acked = Acked::default();
        Self { name, acked, request, id: None, batch_at, numbers_at, batch: 0, number: 1 }
    }

    /// The request for the next batch.
    pub(super) fn next_request(&mut self) -> &[u8] {
        self.batch += 1;
        if let Some(Id { at, producer, producers }) = self.id {
            at.write(&mut self.request, self.batch * producers + producer);
        }
        if let Some(patch) = self.batch_at {
            patch.write(&mut self.request, self.batch);
        }
        for (patch, number) in self.numbers_at.iter().zip(self.number..) {
            patch.write(&mut self.request, number);
        }
        &self.request
    }

    /// The batch is acknowledged; its last event has this seq, where the server tells.
    pub(super) fn acknowledge(&mut self, last_seq: Option<u64>) {
        let count = self.numbers_at.len() as u64;
        let last = last_seq.unwrap_or(self.number + count - 1);
        self.acked.push(Run { number: self.number, seq: (last + 1).saturating_sub(count), count });
        self.number += count;
    }

    /// The batch was refused, or its outcome is unknown: its numbers are not used again.
    pub(super) fn give_up(&mut self) {
        self.number += self.numbers_at.len() as u64;
    }
}

impl Acked {
    fn push(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last)
                if last.number + last.count == run.number && last.seq + last.count == run.seq =>
            {
                last.count += run.count;
            }
            Some(_) | None => self.runs.push(run),
        }
    }

    /// How many events.
    pub(super) fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }
}

/// An event's data of exactly `size` bytes.
fn data(size: usize) -> Result<String> {
    let bare = DATA_START.len() + DATA_END.len();
    let filling = size.checked_sub(bare);
    let filling = filling
        .ok_or_else(|| Error::Setup(format!("--size is at least {bare}, for an event's number")))?;
    Ok(format!("{DATA_START}{}{DATA_END}", "x".repeat(filling)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(events: usize) -> Log {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        let host = Host::new(([127, 0, 0, 1], 7400).into());
        Log::leased(&host, &lease, 256, events).unwrap()
    }

    fn body(request: &[u8]) -> serde_json::Value {
        let text = std::str::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn requests_are_json_of_the_asked_size_and_count_their_events() {
        let mut log = log(2);
        for (batch, first) in [(1, 1), (2, 3)] {
            let body = body(log.next_request());
            assert_eq!(body["batch"], batch);
            for (nth, event) in body["events"].as_array().unwrap().iter().enumerate() {
                let data = &event["data"];
                assert_eq!(data.to_string().len(), 256);
                let message = data["value"]["message"].as_str().unwrap();
                assert!(message.starts_with(&format!("n={:010} ", first + nth)), "{message}");
            }
            log.acknowledge(Some(2 + first as u64 + 1));
        }
        assert_eq!(log.acked.runs, [Run { number: 1, seq: 3, count: 4 }]);
    }

    #[test]
    fn a_frame_tells_its_producer_and_its_batch() {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        let mut log = Log::framed(&lease, (3, 8), 256, 2).unwrap();
        for batch in 1..=3u64 {
            let frame: serde_json::Value = serde_json::from_slice(log.next_request()).unwrap();
            assert_eq!((&frame["id"], &frame["batch"]), (&(batch * 8 + 3).into(), &batch.into()));
            assert_eq!(frame["events"][1]["data"].to_string().len(), 256);
        }
    }

    #[test]
    fn a_gap_begins_a_new_run() {
        let mut log = log(1);
        log.next_request();
        log.acknowledge(Some(3));
        log.next_request();
        log.give_up();
        log.next_request();
        log.acknowledge(Some(4));
        let runs = [Run { number: 1, seq: 3, count: 1 }, Run { number: 3, seq: 4, count: 1 }];
        assert_eq!(log.acked.runs, runs);
        assert_eq!(log.acked.count(), 2);
    }

    #[test]
    fn an_event_too_small_for_its_number_is_refused() {
        assert!(data(10).is_err());
    }
}
