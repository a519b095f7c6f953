//! Who is connected, and what each of them must look at again.
//!
//! Level-triggered, as everything that follows a commit: a session is told *which* of its
//! executions have changed, each once however often, and reads off the board what to make of it.
//! So what waits for a runner that does not listen is bounded by what it holds.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use heartline_execution::{ExecutionId, LeaseId, Reply, SessionId, Span, Timestamp};

use crate::{
    board::RunnerKey,
    maps::{HashMap, IndexSet},
    views::Error,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only map operations run under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What others leave for one connected session.
pub(crate) struct Line {
    pub(crate) session: SessionId,
    changed: Mutex<IndexSet<ExecutionId>>,
    /// As many as the session has sent commands and not taken up the answers of.
    answered: Mutex<Vec<Answered>>,
    waker: AtomicWaker,
    replaced: AtomicBool,
    /// When the runner was last heard; 0 once it has lost a lease, until it is heard again.
    heard: AtomicI64,
}

impl Line {
    /// The runner said something.
    pub(crate) fn heard(&self, now: Timestamp) {
        self.heard.store(now.0, Ordering::Release);
    }

    /// It has lost a lease: whether it is there at all is to be seen.
    pub(crate) fn doubt(&self) {
        self.heard.store(0, Ordering::Release);
    }

    /// Whether it may be given work: not a process that was stopped, or a host that is gone.
    pub(crate) fn is_fresh(&self, now: Timestamp, late_after: Span) -> bool {
        now.since(Timestamp(self.heard.load(Ordering::Acquire))) <= late_after
    }

    /// This execution is to be looked at.
    pub(crate) fn stir(&self, id: ExecutionId) {
        if lock(&self.changed).insert(id) {
            self.waker.wake();
        }
    }

    /// Woken by whatever comes from now on.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// What has been answered since.
    pub(crate) fn take_answered(&self, into: &mut VecDeque<Answered>) {
        into.extend(lock(&self.answered).drain(..));
    }

    fn answer(&self, answered: Answered) {
        lock(&self.answered).push(answered);
        self.waker.wake();
    }

    pub(crate) fn take_changed(&self) -> IndexSet<ExecutionId> {
        std::mem::take(&mut *lock(&self.changed))
    }

    /// Whether the runner has come back over another socket.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }
}

/// What is remembered of a command while it is on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: ExecutionId,
    pub(crate) lease: LeaseId,
    pub(crate) ends: Ends,
    pub(crate) batch: Option<u64>,
    pub(crate) tag: Tag,
}

/// What ends with a command, if it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Nothing,
    Lease,
    /// A question is asked, and the lease kept.
    Asking,
}

/// By what a runner's socket knows an answer; the session only hands it back.
#[derive(Debug, Default)]
pub struct Tag {
    /// What is to be said under the client's own id; shared where one frame makes several commands.
    pub receipt: Option<Arc<Receipt>>,
    /// What the command holds of the socket's bound until it is answered.
    pub bytes: usize,
}

/// The client's id of a frame, until it is answered.
#[derive(Debug)]
pub struct Receipt {
    /// As JSON.
    pub id: String,
    /// The frame may make several commands, or none.
    pub several: bool,
    /// It has been answered, with an error.
    pub refused: AtomicBool,
}

/// A command's answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) sent: Sent,
    /// `None`: its actor died over it. Which one, in any case.
    pub(crate) result: Option<Result<Reply, Error>>,
    pub(crate) generation: u64,
}

/// The right to one answer, which comes in any case: dropped, it says that the outcome is unknown.
pub(crate) struct Ticket {
    line: Arc<Line>,
    sent: Option<Sent>,
    /// Of the actor that was asked.
    pub(crate) generation: u64,
}

impl Ticket {
    pub(crate) fn new(line: &Arc<Line>, sent: Sent) -> Self {
        Self { line: Arc::clone(line), sent: Some(sent), generation: 0 }
    }

    pub(crate) fn tell(mut self, result: Result<Reply, Error>) {
        self.answer(Some(result));
    }

    fn answer(&mut self, result: Option<Result<Reply, Error>>) {
        if let Some(sent) = self.sent.take() {
            self.line.answer(Answered { sent, result, generation: self.generation });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.answer(None);
    }
}

#[derive(Default)]
struct Lines {
    by_runner: HashMap<RunnerKey, Arc<Line>>,
    by_session: HashMap<SessionId, Arc<Line>>,
    /// Leases that sessions hold and that were not granted to them.
    adopted: HashMap<LeaseId, Arc<Line>>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Sessions {
    lines: Mutex<Lines>,
    /// Their number: most servers have none, and every commit asks.
    count: AtomicUsize,
}

impl Sessions {
    /// Opens the line of a runner. One that has the same session takes the place of its older
    /// socket.
    ///
    /// # Errors
    /// [`Error::RunnerConnected`] while another session of the same runner is connected, and
    /// [`Error::ForeignSession`] for the session of another runner that is.
    pub(crate) fn enter(
        &self,
        runner: &RunnerKey,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Arc<Line>, Error> {
        let mut lines = lock(&self.lines);
        if let Some(before) = lines.by_runner.get(runner).cloned() {
            if before.session != session {
                return Err(Error::RunnerConnected(runner.1.clone()));
            }
            before.replaced.store(true, Ordering::Release);
            before.waker.wake();
            Self::close(&mut lines, runner, &before);
        }
        if lines.by_session.contains_key(&session) {
            return Err(Error::ForeignSession);
        }
        let line = Arc::new(Line {
            session,
            changed: Mutex::default(),
            answered: Mutex::default(),
            waker: AtomicWaker::new(),
            replaced: AtomicBool::new(false),
            heard: AtomicI64::new(now.0),
        });
        lines.by_runner.insert(runner.clone(), Arc::clone(&line));
        lines.by_session.insert(session, Arc::clone(&line));
        self.count.store(lines.by_session.len(), Ordering::Release);
        Ok(line)
    }

    /// Closes a line, unless its place was taken.
    pub(crate) fn leave(&self, runner: &RunnerKey, line: &Arc<Line>) {
        let mut lines = lock(&self.lines);
        if lines.by_runner.get(runner).is_some_and(|now| Arc::ptr_eq(now, line)) {
            Self::close(&mut lines, runner, line);
        }
        self.count.store(lines.by_session.len(), Ordering::Release);
    }

    fn close(lines: &mut Lines, runner: &RunnerKey, line: &Arc<Line>) {
        lines.by_runner.remove(runner);
        lines.by_session.remove(&line.session);
        lines.adopted.retain(|_, of| !Arc::ptr_eq(of, line));
    }

    /// A lease that was granted before belongs to this line now.
    pub(crate) fn adopt(&self, line: &Arc<Line>, lease: LeaseId) {
        if lease.session() != line.session {
            lock(&self.lines).adopted.insert(lease, Arc::clone(line));
        }
    }

    /// Whether a lease is with a connected session.
    pub(crate) fn holds(&self, lease: LeaseId) -> bool {
        self.line_of(lease).is_some()
    }

    fn line_of(&self, lease: LeaseId) -> Option<Arc<Line>> {
        let lines = lock(&self.lines);
        lines.by_session.get(&lease.session()).or_else(|| lines.adopted.get(&lease)).cloned()
    }

    /// Something about an execution has changed: whoever holds one of these leases looks.
    pub(crate) fn stir(&self, id: ExecutionId, before: Option<LeaseId>, after: Option<LeaseId>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let after = after.filter(|after| before != Some(*after));
        for line in before.into_iter().chain(after).filter_map(|lease| self.line_of(lease)) {
            line.stir(id);
        }
    }

    /// Connected.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

/// What a runner can take, shared by all the queues that it asks: what one grants it the others
/// cannot. Below zero, it has come back with more leases than slots.
#[derive(Debug)]
pub(crate) struct Slots(AtomicI64);

impl Slots {
    pub(crate) fn new(free: u32) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(free.into())))
    }

    pub(crate) fn free(&self) -> u32 {
        up(self.0.load(Ordering::Acquire))
    }

    /// Takes up all that is free.
    pub(crate) fn take(&self) -> u32 {
        let rest = |free: i64| Some(free.min(0));
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
        // Never an error: the closure always gives a number.
        before.map_or(0, up)
    }

    /// Takes up one, whether it is free or not.
    pub(crate) fn occupy(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// So many are free again.
    pub(crate) fn give_back(&self, count: u32) {
        self.0.fetch_add(count.into(), Ordering::AcqRel);
    }
}

fn up(free: i64) -> u32 {
    u32::try_from(free).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use heartline_execution::{Kind, Name, Namespace};

    use super::*;

    #[test]
    fn a_runner_with_more_leases_than_slots_takes_nothing_until_it_has_fewer() {
        let slots = Slots::new(1);
        (0..3).for_each(|_| slots.occupy());
        for left in [0, 0, 1] {
            slots.give_back(1);
            assert_eq!((slots.free(), slots.take()), (left, left));
            slots.give_back(left);
        }
        assert_eq!(slots.free(), 1);
    }

    fn runner(id: &str) -> RunnerKey {
        (Namespace::default_namespace(), Name::new(id).unwrap())
    }

    fn execution(n: u128) -> ExecutionId {
        ExecutionId::new(Kind::Agent, n)
    }

    #[test]
    fn one_session_of_a_runner_is_connected_and_its_newer_socket_takes_over() {
        let sessions = Sessions::default();
        let first = sessions.enter(&runner("a"), SessionId(1), Timestamp(0)).unwrap();
        let another = sessions.enter(&runner("a"), SessionId(2), Timestamp(0));
        assert!(matches!(another, Err(Error::RunnerConnected(_))));
        let foreign = sessions.enter(&runner("b"), SessionId(1), Timestamp(0));
        assert!(matches!(foreign, Err(Error::ForeignSession)));
        assert!(!first.is_replaced());
        let second = sessions.enter(&runner("a"), SessionId(1), Timestamp(0)).unwrap();
        assert!(first.is_replaced() && !second.is_replaced());
        // The older one's farewell does not close the newer one's line.
        sessions.leave(&runner("a"), &first);
        assert!(sessions.holds(LeaseId::of(SessionId(1), 9)));
        sessions.leave(&runner("a"), &second);
        assert!(!sessions.holds(LeaseId::of(SessionId(1), 9)));
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn a_change_is_left_once_with_whoever_held_or_holds_the_lease() {
        let sessions = Sessions::default();
        let (a, b) = (SessionId(1), SessionId(2));
        let first = sessions.enter(&runner("a"), a, Timestamp(0)).unwrap();
        let second = sessions.enter(&runner("b"), b, Timestamp(0)).unwrap();
        let adopted = LeaseId(7);
        sessions.adopt(&second, adopted);
        sessions.stir(execution(1), Some(LeaseId::of(a, 1)), Some(LeaseId::of(b, 1)));
        sessions.stir(execution(1), Some(LeaseId::of(a, 1)), None);
        sessions.stir(execution(2), Some(adopted), Some(adopted));
        sessions.stir(execution(3), None, Some(LeaseId(8)));
        assert_eq!(first.take_changed().into_iter().collect::<Vec<_>>(), [execution(1)]);
        let two = [execution(1), execution(2)];
        assert_eq!(second.take_changed().into_iter().collect::<Vec<_>>(), two);
        assert!(first.take_changed().is_empty());
    }

    #[test]
    fn one_that_is_late_or_in_doubt_is_not_fresh_until_it_is_heard() {
        let sessions = Sessions::default();
        let line = sessions.enter(&runner("a"), SessionId(1), Timestamp(1_000_000)).unwrap();
        let late_after = Span::secs(15);
        let now = Timestamp(1_000_000).plus(late_after);
        assert!(line.is_fresh(now, late_after));
        assert!(!line.is_fresh(Timestamp(now.0 + 1), late_after));
        line.heard(now);
        line.doubt();
        assert!(!line.is_fresh(now, late_after));
        line.heard(now);
        assert!(line.is_fresh(now, late_after));
    }

    #[test]
    fn slots_are_shared() {
        let slots = Slots::new(3);
        assert_eq!((slots.take(), slots.take()), (3, 0));
        slots.give_back(2);
        slots.occupy();
        assert_eq!(slots.free(), 1);
    }
}
