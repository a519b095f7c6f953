//! What carries batches to a server and answers back: a connection for each producer, or runner
//! sockets that several may share.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    http::{Connections, number},
};

/// What came of one batch.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whose it was.
    pub(super) producer: usize,
    /// From sending it to having read the answer.
    pub(super) took: Duration,
    /// The seq of its last event, where the server tells, or why it was refused.
    pub(super) outcome: Result<Option<u64>>,
}

/// See the module.
pub(super) trait Line {
    /// Batches sent and not answered.
    fn in_flight(&self) -> usize;

    /// Fills `ready` with what has something to read.
    fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()>;

    /// Sends the next batch of `producer`; it has left at the latest after [`Line::flush`].
    fn send(&mut self, producer: usize, request: &[u8]) -> Result<()>;

    /// Lets everything leave.
    fn flush(&mut self) -> Result<()>;

    /// Reads what has come on one that is ready.
    fn receive(&mut self, ready: usize, answers: &mut Vec<Answer>) -> Result<()>;
}

/// HTTP, or another server whose answers are found the same way.
impl Line for Connections {
    fn in_flight(&self) -> usize {
        self.in_flight()
    }

    fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()> {
        self.wait(timeout, ready)
    }

    fn send(&mut self, producer: usize, request: &[u8]) -> Result<()> {
        self.send(producer, request)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, ready: usize, answers: &mut Vec<Answer>) -> Result<()> {
        let Some(received) = self.receive(ready)? else { return Ok(()) };
        let outcome = match received.status {
            200..300 => Ok(number(received.body, b"\"seq\":")),
            status => Err(Error::refused("an append", status, received.body)),
        };
        answers.push(Answer { producer: ready, took: received.took, outcome });
        Ok(())
    }
}
