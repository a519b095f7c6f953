//! Watching one execution, whatever the transport: a cursor, and the lens it is seen through.

use heartline_actors::{Cursor, Start, Transport, View as Snapshot};
use heartline_execution::ExecutionId;

use crate::{
    app::App,
    error::Problem,
    view::{Entry, Lens, View},
};

/// Events read at once to find out where an `agui` view stands.
const FOLD_PAGE: usize = 512;

/// A subscription about to be shown.
pub(crate) struct Watch {
    pub(crate) cursor: Cursor,
    pub(crate) lens: Lens,
    /// Where the log ended when it began.
    pub(crate) head: u64,
    /// The first event there is.
    pub(crate) oldest: u64,
    /// Where it was asked for.
    pub(crate) snapshot: Option<Snapshot>,
    /// It asked for events after a seq the log has not reached: it knows another log than this
    /// one. It is shown all there is, after a reset.
    pub(crate) ahead: bool,
}

/// Starts to watch.
///
/// # Errors
/// 404 for an unknown execution, 503 at the bound on subscriptions.
pub(crate) async fn open(
    app: &App,
    id: ExecutionId,
    view: View,
    start: Start,
    transport: Transport,
) -> Result<Watch, Problem> {
    let namespace = &app.namespace;
    let mut subscription = app.handle.subscribe(namespace, id, start, transport).await?;
    let ahead = matches!(start, Start::After(after) if after > subscription.head);
    if ahead {
        // One place among the subscriptions is enough for it.
        drop(subscription);
        subscription = app.handle.subscribe(namespace, id, Start::After(0), transport).await?;
    }
    let cursor = match view.lifecycle_only() {
        true => subscription.cursor.only_lifecycle(),
        false => subscription.cursor,
    };
    let lens = lens_at(app, id, view, cursor.position()).await?;
    let (head, oldest, snapshot) = (subscription.head, subscription.oldest, subscription.snapshot);
    Ok(Watch { cursor, lens, head, oldest, snapshot, ahead })
}

/// A lens that has passed everything up to `position`. Only `agui` depends on what was before: on
/// the lifecycle, and on the events of the run it stands in, for what is open there. That much is
/// read, in bounded pages.
///
/// # Errors
/// When the log cannot be read.
pub(crate) async fn lens_at(
    app: &App,
    id: ExecutionId,
    view: View,
    position: u64,
) -> Result<Lens, Problem> {
    let mut lens = Lens::new(view);
    if view != View::AgUi {
        return Ok(lens);
    }
    pass(app, id, &mut lens, (0, position), true).await?;
    if let Some(since) = lens.run_since() {
        lens = Lens::begun(since);
        pass(app, id, &mut lens, (since, position), false).await?;
    }
    Ok(lens)
}

/// Leads `lens` past what comes after one seq, up to another.
async fn pass(
    app: &App,
    id: ExecutionId,
    lens: &mut Lens,
    (mut after, position): (u64, u64),
    lifecycle_only: bool,
) -> Result<(), Problem> {
    while after < position {
        let page = app.handle.events(&app.namespace, id, after, FOLD_PAGE, lifecycle_only).await?;
        let events = page.chunk.events.iter().map(Entry::from);
        lens.pass_all(events.take_while(|event| event.seq <= position));
        if !page.more {
            break;
        }
        after = page.chunk.last().max(after + 1);
    }
    Ok(())
}
