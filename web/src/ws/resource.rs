//! A subscription to a resource: its body at once, and again whenever it has changed.
//!
//! What changes is found by asking again, on the server's side of the wire and only while somebody
//! looks: figures change all the time, and nobody needs each of their values.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use heartline_actors::{Transport, Watching};
use tokio::time::sleep;

use crate::{
    app::App,
    encode::{Frames, text_frame},
    error::Problem,
    resource::Resource,
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// One that takes long is looked at more seldom: this many times as long as it took.
const REST: u32 = 20;
/// Of one connection: more than a page shows, and together, with that rest, less than what keeps a
/// thread busy.
pub(super) const AT_ONCE: usize = 16;

/// See the module.
pub(super) struct Watched {
    /// The client's, as JSON.
    id: String,
    resource: Resource,
    shown: Vec<u8>,
    /// What the last look took; `None` before the first.
    took: Option<Duration>,
    _watching: Watching,
}

impl Watched {
    /// Opens it; the bytes are the first to be sent.
    pub(super) fn open(app: &App, id: &str, path: &str) -> Result<(Self, Frames), Problem> {
        let resource = Resource::parse(path, app)?;
        let path = serde_json::to_string(path).expect("text is plain JSON");
        let hello = format!("{{\"op\":\"subscribed\",\"id\":{id},\"resource\":{path}}}");
        let _watching = app.handle.look(Transport::WebSocket)?;
        let this = Self { id: id.to_owned(), resource, shown: Vec::new(), took: None, _watching };
        Ok((this, framed(hello.as_bytes())))
    }

    /// The body, once it is another than the one that was shown.
    ///
    /// # Errors
    /// It is not there. What is only away for the moment is waited for.
    pub(super) async fn next(&mut self, app: &App) -> Result<Frames, Problem> {
        loop {
            if let Some(took) = self.took {
                sleep(EVERY.max(took * REST)).await;
            }
            let began = Instant::now();
            let body = self.resource.body(app).await;
            self.took = Some(began.elapsed());
            match body {
                Ok(body) if body != self.shown => {
                    let head = format!("{{\"op\":\"resource\",\"id\":{},\"body\":", self.id);
                    let frame = [head.as_bytes(), &body, b"}"].concat();
                    self.shown = body;
                    return Ok(framed(&frame));
                }
                Ok(_) => {}
                Err(problem) if problem.code().status() >= 500 => {
                    tracing::debug!(%problem, "a watched resource is away");
                }
                Err(problem) => return Err(problem),
            }
        }
    }
}

fn framed(text: &[u8]) -> Frames {
    let mut bytes = BytesMut::with_capacity(text.len() + 16);
    text_frame(&mut bytes, text);
    Frames { bytes: bytes.freeze(), count: 1 }
}
