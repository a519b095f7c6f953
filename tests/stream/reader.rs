//! The readers: each follows one execution after another to its end, in its own way, leaves when
//! it likes, and goes on by seq where it was.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::watch;

use super::{
    api::Request,
    chance::Chance,
    choppy::Choppy,
    clients::{Patience, Shared, count},
    seen::{Seen, View},
};

/// Executions that a socket of many follows at once, at most.
const TOGETHER: usize = 4;

/// How a reader asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Stream,
    Pages,
    /// A socket for one execution, by its URL.
    Socket,
    /// A socket for many.
    Sockets,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Stream, Self::Pages, Self::Socket, Self::Sockets];
}

/// How often what is hard to provoke has happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections that broke.
    pub(crate) broken: AtomicUsize,
    /// Connections that a reader left, in the middle of a log.
    pub(crate) left: AtomicUsize,
    /// Pauses of a reader.
    pub(crate) paused: AtomicUsize,
    /// Subscriptions that fell behind.
    pub(crate) lagged: AtomicUsize,
    /// Messages of readers that were sent in fragments with a ping in between.
    pub(crate) fragmented: AtomicUsize,
    /// Subscriptions that were given up and begun again on the same socket.
    pub(crate) unsubscribed: AtomicUsize,
}

pub(crate) fn one_more(of: &AtomicUsize) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// Executions that readers may follow.
pub(crate) type Board = Arc<watch::Sender<Vec<String>>>;

/// What readers have in common.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) world: Shared,
    pub(crate) address: SocketAddr,
    pub(crate) board: Board,
    pub(crate) counts: Arc<Counts>,
}

/// See the module.
pub(crate) struct Reader {
    pub(crate) shelf: Shelf,
    pub(crate) chance: Chance,
    pub(crate) way: Way,
    pub(crate) view: View,
}

impl Reader {
    /// Follows executions until it is told to close. Gives all it saw.
    pub(crate) async fn run(mut self) -> (Way, Vec<Seen>) {
        let mut all = Vec::new();
        while all.is_empty() || !self.shelf.world.is_closing() {
            let mut follows = Vec::new();
            for execution in self.choose() {
                let start = self.start(&execution).await;
                follows.push(Seen::new(execution, self.view, start));
            }
            self.follow(&mut follows).await;
            all.extend(follows);
        }
        (self.way, all)
    }

    /// One execution, or a few different ones for a socket of many.
    fn choose(&mut self) -> Vec<String> {
        let board = self.shelf.board.borrow();
        let count = if self.way == Way::Sockets { TOGETHER } else { 1 };
        let mut chosen: Vec<String> = Vec::new();
        for _ in 0..count {
            let one = self.chance.pick(&board);
            if !chosen.contains(one) {
                chosen.push(one.clone());
            }
        }
        chosen
    }

    /// Where to begin: mostly at the start, else somewhere in what is there, or at a snapshot.
    async fn start(&mut self, execution: &str) -> Option<u64> {
        match self.chance.below(10) {
            0..3 if self.way != Way::Pages => None,
            3..5 => {
                let request = Request::get(format!("/v1/executions/{execution}"));
                let seq = self.shelf.world.tell(&request).await.answer.seq();
                Some(self.chance.within(0, seq))
            }
            _ => Some(0),
        }
    }

    async fn follow(&mut self, follows: &mut [Seen]) {
        let world = Arc::clone(&self.shelf.world);
        let mut patience = Patience::new(&world);
        while follows.iter().any(|seen| !seen.has_ended()) {
            patience.look();
            let mut visit = Visit::new(&self.shelf, &mut self.chance);
            let over = match (self.way, &mut *follows) {
                (Way::Stream, [seen]) => visit.stream(seen).await,
                (Way::Pages, [seen]) => visit.pages(seen).await,
                (Way::Socket | Way::Sockets, all) => {
                    visit.socket(all, self.way == Way::Socket).await
                }
                (Way::Stream | Way::Pages, _) => unreachable!("they follow one execution"),
            };
            if let Err(error) = over {
                one_more(&self.shelf.counts.broken);
                patience.lost(&format!("{:?}: {error:?}", self.way)).await;
            }
        }
    }
}

/// One connection of a reader.
pub(crate) struct Visit {
    world: Shared,
    pub(crate) address: SocketAddr,
    pub(crate) chance: Chance,
    pub(crate) counts: Arc<Counts>,
    /// Messages until it has had enough.
    left: Option<u64>,
}

impl Visit {
    fn new(shelf: &Shelf, chance: &mut Chance) -> Self {
        let Shelf { world, address, counts, .. } = shelf.clone();
        let left = match chance.below(4) {
            0 => Some(chance.within(0, 5)),
            1 => Some(chance.within(5, 300)),
            2 => Some(chance.within(300, 3000)),
            _ => None,
        };
        Self { world, address, chance: Chance::new(chance.u128() as u64), counts, left }
    }

    pub(crate) async fn connect(&mut self) -> io::Result<Choppy> {
        let chance = Chance::new(self.chance.u128() as u64);
        Choppy::connect(self.address, chance, Arc::clone(&self.counts)).await
    }

    /// Whether it has had enough. To be asked after each message.
    pub(crate) fn leaves(&mut self) -> bool {
        count(&self.world.traffic.watched);
        let Some(left) = &mut self.left else { return false };
        let enough = *left == 0;
        *left = left.saturating_sub(1);
        if enough {
            one_more(&self.counts.left);
        }
        enough
    }
}

/// What a server that stops or has too much to do answers.
pub(crate) fn unavailable() -> io::Error {
    io::Error::other("503")
}
