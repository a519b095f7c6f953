//! Fake watchers: each follows one execution with a cursor over what is durable, loses its
//! connection, and goes on by seq. What they are shown is checked event by event (invariant C).

use std::sync::Arc;

use heartline_actors::feed::Feed;
use heartline_execution::{ExecutionId, Namespace, Span, State, event::Event, state};
use heartline_storage::{ExecutionStore, PageLimits};

use super::{
    checks::Invariant,
    world::{Happening, World},
};

/// See the module.
#[derive(Default)]
pub(crate) struct Watcher {
    target: Option<(Namespace, ExecutionId)>,
    /// Seq of the last event it passed.
    position: u64,
    /// Seq of the last event it was shown.
    shown: u64,
    lifecycle_only: bool,
    /// A snapshot is on its way.
    awaiting: bool,
    /// To the server of that start.
    connection: Option<(u64, Arc<Feed>)>,
}

impl Watcher {
    /// Still wants to see how an execution ends.
    pub(crate) fn follows(&self) -> Option<ExecutionId> {
        self.target.as_ref().map(|(_, id)| *id)
    }
}

const WATCHERS: usize = 8;

impl World {
    pub(crate) fn seat(&mut self) {
        for watcher in 0..WATCHERS {
            self.watchers.push(Watcher::default());
            self.env.send(Happening::Watch { watcher });
        }
    }

    pub(crate) fn watch(&mut self, watcher: usize) {
        let pause = if self.is_closing() {
            Span::millis(5)
        } else if self.env.chance.one_in(20) {
            self.env.millis(100, 600)
        } else {
            self.env.millis(1, 40)
        };
        if self.server.is_none() {
            self.env.after(pause, Happening::Watch { watcher });
            return;
        }
        if self.watchers[watcher].target.is_none() {
            if self.is_closing() {
                return;
            }
            self.choose_target(watcher);
        } else if !self.watchers[watcher].awaiting {
            self.follow(watcher);
        }
        self.env.after(pause, Happening::Watch { watcher });
    }

    fn choose_target(&mut self, watcher: usize) {
        let Some((namespace, id)) = self.any(false) else { return };
        let head = self.env.checks.known[&id].log.len() as u64;
        let lifecycle_only = self.env.chance.one_in(4);
        let snapshot = self.env.chance.one_in(3);
        let after = if self.env.chance.one_in(2) { 0 } else { self.env.chance.within(0, head) };
        let before =
            if lifecycle_only { self.env.checks.lifecycle_before(id, after) } else { after };
        self.watchers[watcher] = Watcher {
            target: Some((namespace.clone(), id)),
            position: after,
            shown: before,
            lifecycle_only,
            awaiting: snapshot,
            connection: None,
        };
        if let (true, Some(server)) = (snapshot, &mut self.server) {
            server.show(&mut self.env, &namespace, id, watcher);
        }
    }

    pub(crate) fn missed(&mut self, watcher: usize) {
        let it = &mut self.watchers[watcher];
        if it.awaiting {
            *it = Watcher::default();
        }
    }

    /// A snapshot arrives: it must be the fold of the log up to its seq.
    pub(crate) fn shown(&mut self, watcher: usize, epoch: u64, seq: u64, json: &str) {
        let it = &mut self.watchers[watcher];
        let Some((_, id)) = it.target.clone().filter(|_| it.awaiting) else { return };
        it.awaiting = false;
        it.position = seq;
        let lifecycle_only = it.lifecycle_only;
        let before = self.env.checks.lifecycle_before(id, seq);
        self.watchers[watcher].shown = if lifecycle_only { before } else { seq };
        self.env.coverage.moment("watcher saw a snapshot");
        let Some(known) = self.env.checks.known.get(&id) else {
            self.told_of_a_purge(watcher);
            return;
        };
        let mut folded: Option<State> = None;
        let log = known.log.iter().take(usize::try_from(seq).unwrap_or(usize::MAX));
        let folds = log
            .map(|record| Event::decode(&record.json, record.private))
            .all(|event| event.is_ok_and(|event| state::apply(&mut folded, &event).is_ok()));
        let same = folded.is_some_and(|state| {
            state.seq == seq && serde_json::to_string(&state).is_ok_and(|mine| mine == json)
        });
        self.env.checks.claim(Invariant::C, folds && same, || {
            format!("{id}: the snapshot at {seq} of start {epoch} is not what the log says: {json}")
        });
    }

    fn follow(&mut self, watcher: usize) {
        let Some((namespace, id)) = self.watchers[watcher].target.clone() else { return };
        let Some(feed) = self.connect(watcher, &namespace, id) else { return };
        if self.env.chance.one_in(25) && !self.is_closing() {
            self.watchers[watcher].connection = None;
            return;
        }
        let (head, ended) = feed.head();
        let it = &self.watchers[watcher];
        let (position, lifecycle_only) = (it.position, it.lifecycle_only);
        self.env.checks.claim(Invariant::C, position <= head, || {
            format!("{id}: a watcher has seen {position}, the log ends at {head}")
        });
        if let Some(durable) = self.env.checks.known.get(&id).map(|known| known.log.len() as u64) {
            self.env.checks.claim(Invariant::C, head <= durable, || {
                format!("{id}: {head} events are there to be seen, and {durable} are durable")
            });
        }
        if position < head {
            self.read_page(watcher, &namespace, id, head);
            return;
        }
        let Some(phase) = ended else { return };
        let Some(known) = self.env.checks.known.get(&id) else {
            self.told_of_a_purge(watcher);
            return;
        };
        let (told, end) = (known.shadow.phase == Some(phase), known.log.len() as u64);
        let shown = if lifecycle_only { end } else { self.watchers[watcher].shown };
        self.env.checks.claim(Invariant::C, told && shown == end, || {
            format!("{id}: the end as {phase:?} is told at {shown}, the log ends at {end}")
        });
        self.env.coverage.moment("watcher saw the end");
        self.watchers[watcher] = Watcher::default();
    }

    /// The feed of the server that runs now, with its head known.
    fn connect(
        &mut self,
        watcher: usize,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Option<Arc<Feed>> {
        let server = self.server.as_ref()?;
        let it = &mut self.watchers[watcher];
        if let Some((epoch, feed)) = &it.connection
            && *epoch == server.epoch
        {
            return Some(Arc::clone(feed));
        }
        if !server.is_healthy() {
            return None;
        }
        let feed = server.feeds.of(namespace, id);
        if !feed.is_known() && self.env.checks.gone.contains_key(&id) {
            self.told_of_a_purge(watcher);
            return None;
        }
        if !feed.is_known() {
            let store = self.env.disk.store();
            let head = store.head(namespace, id).ok().flatten().unwrap_or(0);
            let state = store.load(namespace, id).ok().flatten();
            feed.found(head, state.map(|s| s.phase).filter(|phase| phase.is_terminal()));
        }
        if it.position > 0 {
            let moment = match &it.connection {
                Some(_) => "watcher resumed after a restart",
                None => "watcher resumed by seq",
            };
            self.env.coverage.moment(moment);
        }
        it.connection = Some((server.epoch, Arc::clone(&feed)));
        Some(feed)
    }

    /// An explicit reset, or no such execution: the watcher gives up.
    fn told_of_a_purge(&mut self, watcher: usize) {
        self.env.coverage.moment("watcher told of a purge");
        self.watchers[watcher] = Watcher::default();
    }

    fn read_page(&mut self, watcher: usize, namespace: &Namespace, id: ExecutionId, head: u64) {
        let it = &self.watchers[watcher];
        let (position, lifecycle_only) = (it.position, it.lifecycle_only);
        let events = self.env.chance.within(1, 12) as usize;
        let bytes = [400, 1 << 20][self.env.chance.below(2)];
        let limits = PageLimits { events, bytes };
        let store = self.env.disk.store();
        let page = store.events(namespace, id, position, head, lifecycle_only, limits);
        let mut page = match page {
            Ok(page) => page,
            Err(error) => {
                self.env.checks.claim(Invariant::C, false, || format!("{id}: {error}"));
                return;
            }
        };
        let last = page.events.last().map_or(0, |event| event.record.seq);
        if last == 0 && self.env.checks.gone.contains_key(&id) {
            self.told_of_a_purge(watcher);
            return;
        }
        if lifecycle_only {
            self.env.coverage.moment("watcher of lifecycle events only");
        } else if let Some(tampering) = self.page_sabotage(page.events.len()) {
            tampering.damage(&mut page.events);
        }
        for event in &page.events {
            let before = self.watchers[watcher].shown;
            self.env.checks.shown(id, lifecycle_only, before, event);
            self.watchers[watcher].shown = event.record.seq;
        }
        let passed = match (page.more, last) {
            (true, last) if last > 0 => last,
            (_, last) if lifecycle_only => head.max(last),
            (_, last) => {
                self.env.checks.claim(Invariant::C, last == head, || {
                    format!("{id}: a watcher is told of {head} and finds no more than {last}")
                });
                last
            }
        };
        self.watchers[watcher].position = passed;
    }
}
