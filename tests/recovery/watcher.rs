//! The watchers under load: each follows one execution after another to its end, over streams or
//! pages, and goes on by seq where it was cut off.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::{
    api::Request,
    clients::{Shared, count},
    ledger::Watched,
    log::{Event, Read, page},
    sse::{Message, Messages},
};

/// How a watcher asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    StreamOfStatus,
    Pages,
    PagesOfStatus,
}

impl Way {
    pub(crate) const ALL: [Self; 4] =
        [Self::Stream, Self::StreamOfStatus, Self::Pages, Self::PagesOfStatus];

    fn is_status(self) -> bool {
        matches!(self, Self::StreamOfStatus | Self::PagesOfStatus)
    }

    fn view(self) -> &'static str {
        if self.is_status() { "&view=status" } else { "" }
    }
}

/// What the watchers take their executions from.
pub(crate) type Feed = Arc<Mutex<mpsc::Receiver<String>>>;

/// Follows executions until no more come.
pub(crate) async fn watch(world: Shared, way: Way, feed: Feed) {
    loop {
        let next = feed.lock().await.recv().await;
        let Some(execution) = next else { return };
        let watched =
            Watched { execution, status_only: way.is_status(), events: Vec::new(), ended: false };
        let mut watching = Watching { world: &world, way, watched };
        match way {
            Way::Stream | Way::StreamOfStatus => watching.stream().await,
            Way::Pages | Way::PagesOfStatus => watching.pages().await,
        }
        let watched = watching.watched;
        world.ledger.open().watched.push(watched);
    }
}

struct Watching<'a> {
    world: &'a Shared,
    way: Way,
    watched: Watched,
}

impl Watching<'_> {
    fn last(&self) -> u64 {
        self.watched.events.last().map_or(0, |event| event.seq)
    }

    /// Each event follows the one before it without a gap (invariant C).
    fn see(&mut self, event: Event) {
        let last = self.last();
        assert_eq!(event.prev, last, "a gap or a repeat: {}", event.json);
        assert!(event.seq > last && !self.watched.ended, "out of order: {}", event.json);
        assert!(event.is_lifecycle() || !self.way.is_status(), "not asked for: {}", event.json);
        count(&self.world.traffic.watched);
        self.watched.events.push(event);
    }

    async fn pages(&mut self) {
        while !self.watched.ended {
            let query = format!("&wait=5s{}", self.way.view());
            let request = page(&self.watched.execution, self.last(), &query);
            let told = self.world.tell(&request).await;
            assert_eq!(told.answer.status, 200, "{:?}", told.answer);
            self.watched_resumed(told.sent > 1);
            let read = Read::parse(&self.watched.execution, &told.answer.text);
            read.events.into_iter().for_each(|event| self.see(event));
            let over = self.watched.events.last().is_some_and(Event::is_terminal);
            assert!(!over || read.terminal, "the page does not say that it is the end");
            self.watched.ended = over;
        }
    }

    async fn stream(&mut self) {
        loop {
            let last = self.last();
            let path = format!(
                "/v1/executions/{}/events?after=0{}",
                self.watched.execution,
                self.way.view()
            );
            let mut request = Request::get(path).with("Accept", "text/event-stream");
            if last > 0 {
                // Wins over `after`.
                request = request.with("Last-Event-ID", last);
            }
            let mut response = self.world.open(&request).await;
            if response.status() == 204 {
                assert!(
                    self.watched.events.last().is_some_and(Event::is_terminal),
                    "no more to come"
                );
                self.watched.ended = true;
                return;
            }
            assert_eq!(response.status(), 200);
            let mut text = Messages::default();
            while let Ok(Some(chunk)) = response.chunk().await {
                for message in text.add(&chunk) {
                    if self.take(message) {
                        return;
                    }
                }
            }
            self.watched_resumed(true);
        }
    }

    /// True at the end.
    fn take(&mut self, message: Message) -> bool {
        match &*message.name {
            "" => {
                let event = Event::read(&self.watched.execution, &message.data);
                assert_eq!(message.id, Some(event.seq), "its id is its seq");
                self.see(event);
            }
            "end" => {
                assert!(
                    self.watched.events.last().is_some_and(Event::is_terminal),
                    "it is not over"
                );
                self.watched.ended = true;
            }
            other => panic!("nothing was lost, so what is '{other}' for? {}", message.data),
        }
        self.watched.ended
    }

    fn watched_resumed(&self, resumed: bool) {
        self.world.ledger.open().counts.resumed += usize::from(resumed);
    }
}
