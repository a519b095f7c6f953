//! Requests that publish, as bytes built once, for each server that is compared.

use super::{
    data,
    mark::{NUMBER, TIME, WIDTH},
};
use crate::{
    crowd::resp,
    error::{Error, Result},
    http::{Head, Host, Patch},
    population::Lease,
};

/// A request whose numbers and times are patched in place before each writing.
#[derive(Debug)]
pub(crate) struct Post {
    request: Vec<u8>,
    batch_at: Option<Patch>,
    numbers_at: Vec<Patch>,
    times_at: Vec<Patch>,
    batch: u64,
    number: u64,
    answer: Answer,
}

/// What acknowledges a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A reply of HTTP that says yes.
    Http,
    /// So many lines, none of which is an error.
    Lines(usize),
}

impl Post {
    /// `events` of `size` bytes each for an execution of Heartline.
    pub(crate) fn heartline(
        host: &Host,
        lease: &Lease,
        size: usize,
        events: usize,
    ) -> Result<Self> {
        let event = format!("{{\"type\":\"CUSTOM\",\"data\":{}}}", data(size)?);
        let body = format!(
            "{{\"lease\":\"{}\",\"batch\":~~~~~~~~~~,\"events\":[{}]}}",
            lease.token,
            vec![event; events].join(",")
        );
        let path = format!("/v1/executions/{}/events", lease.execution);
        let mut post = Self::new(host.post(&path, &body), Answer::Http);
        post.batch_at = Some(post.numbers_at.remove(0).filled_with(b' '));
        Ok(post)
    }

    /// The same data for a stream of the Durable Streams protocol.
    pub(crate) fn stream(host: &Host, path: &str, size: usize, events: usize) -> Result<Self> {
        let body = match events {
            1 => data(size)?,
            _ => format!("[{}]", vec![data(size)?; events].join(",")),
        };
        Ok(Self::new(host.post(path, &body), Answer::Http))
    }

    /// The same data for a stream of Redis; several events are one transaction, so that whoever
    /// waits is woken once.
    pub(crate) fn redis(size: usize, events: usize) -> Result<Self> {
        let data = data(size)?;
        let add: &[&[u8]] = &[b"XADD", resp::STREAM.as_bytes(), b"*", b"d", data.as_bytes()];
        let add = resp::command(add);
        if events == 1 {
            // The id: its length and itself.
            return Ok(Self::new(add, Answer::Lines(2)));
        }
        let request =
            [resp::command(&[b"MULTI"]), add.repeat(events), resp::command(&[b"EXEC"])].concat();
        // OK, QUEUED for each, the length of the array and each id.
        Ok(Self::new(request, Answer::Lines(2 + 3 * events)))
    }

    /// The same data as lines.
    pub(crate) fn lines(size: usize, events: usize) -> Result<Self> {
        let line = format!("{}\n", data(size)?);
        Ok(Self::new(line.repeat(events).into_bytes(), Answer::Lines(events)))
    }

    fn new(request: Vec<u8>, answer: Answer) -> Self {
        let numbers_at = Patch::find(&request, NUMBER, WIDTH, b'0');
        let times_at = Patch::find(&request, TIME, WIDTH, b'0');
        Self { request, batch_at: None, numbers_at, times_at, batch: 0, number: 0, answer }
    }

    /// Events of each request.
    pub(crate) fn events(&self) -> u64 {
        self.numbers_at.len() as u64
    }

    /// Number of the last event written.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next request, its events marked as sent at `micros`.
    pub(super) fn next(&mut self, micros: u64) -> &[u8] {
        self.batch += 1;
        if let Some(patch) = self.batch_at {
            patch.write(&mut self.request, self.batch);
        }
        for patch in &self.numbers_at {
            self.number += 1;
            patch.write(&mut self.request, self.number);
        }
        for patch in &self.times_at {
            patch.write(&mut self.request, micros);
        }
        &self.request
    }

    /// Whether `reply` is a whole acknowledgement; a refusal is an error.
    pub(super) fn acknowledged(&self, reply: &[u8]) -> Result<bool> {
        match self.answer {
            Answer::Http => match Head::parse(reply)? {
                Some(head) if !(200..300).contains(&head.status) => {
                    Err(Error::refused("an append", head.status, &reply[head.body_at..]))
                }
                head => Ok(head.is_some_and(|head| reply.len() >= head.end())),
            },
            Answer::Lines(count) => {
                if reply.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"-")) {
                    let reply = String::from_utf8_lossy(reply);
                    return Err(Error::protocol("an acknowledgement", reply));
                }
                Ok(reply.iter().filter(|&&byte| byte == b'\n').count() >= count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::mark_at;

    fn numbers(request: &[u8]) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((mark, end)) = mark_at(request, at) {
            found.push((mark.number, mark.sent_us));
            at = end;
        }
        found
    }

    #[test]
    fn every_request_goes_on_counting() {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        let host = Host::new(([127, 0, 0, 1], 7400).into());
        for mut post in [
            Post::heartline(&host, &lease, 256, 2).unwrap(),
            Post::stream(&host, "/v1/stream/s", 256, 2).unwrap(),
            Post::redis(256, 2).unwrap(),
            Post::lines(256, 2).unwrap(),
        ] {
            assert_eq!(numbers(post.next(5)), [(1, 5), (2, 5)]);
            assert_eq!(numbers(post.next(6)), [(3, 6), (4, 6)]);
            assert_eq!((post.number(), post.events()), (4, 2));
        }
    }

    #[test]
    fn a_body_is_json_and_as_long_as_its_head_says() {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        let host = Host::new(([127, 0, 0, 1], 7400).into());
        let mut post = Post::heartline(&host, &lease, 256, 3).unwrap();
        let text = String::from_utf8(post.next(7).to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["batch"], 1);
        assert_eq!(body["events"][2]["data"].to_string().len(), 256);
    }

    #[test]
    fn acknowledgements_are_whole_or_awaited() {
        let redis = Post::redis(256, 2).unwrap();
        let reply = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$3\r\n1-1\r\n$3\r\n1-2\r\n";
        assert!(redis.acknowledged(reply).unwrap());
        assert!(!redis.acknowledged(&reply[..reply.len() - 2]).unwrap());
        assert!(redis.acknowledged(b"-ERR no\r\n").is_err());
        let host = Host::new(([127, 0, 0, 1], 7400).into());
        let http = Post::stream(&host, "/v1/stream/s", 256, 1).unwrap();
        assert!(http.acknowledged(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap());
        assert!(!http.acknowledged(b"HTTP/1.1 204 No").unwrap());
        assert!(http.acknowledged(b"HTTP/1.1 409 C\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
