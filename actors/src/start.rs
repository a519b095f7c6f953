//! Starting and stopping: what is found in the log is put on the board before anything else moves.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use actix::{Actor, Arbiter};
use heartline_config::Config;
use heartline_execution::{Command, ExecutionId, Namespace, Place, Span};
use heartline_storage::ExecutionStore;

use crate::{
    core::Core,
    directory::Directory,
    feed::{FeedLimits, Feeds},
    handle::{Handle, Parts},
    home::Home,
    journal::{CrashAt, Journal, Limits},
    queues::Queues,
    streams::Streams,
    supervisor::{Supervisor, Watch},
    views::BootReport,
};

/// Looks at a command before its execution does.
pub type BeforeCommand = Arc<dyn Fn(ExecutionId, &Command) + Send + Sync>;

/// Seams for tests.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Called in the execution actor before each command.
    pub before_command: Option<BeforeCommand>,
}

/// Why the actors did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] heartline_storage::Error),
    /// No thread for the journal or the actors.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// `debug.crash_at` makes no sense.
    #[error("debug.crash_at: {0}")]
    CrashAt(String),
}

/// The actors at work. Stop them with [`Running::stop`].
pub struct Running {
    /// The way in.
    pub handle: Handle,
    arbiters: Vec<Arbiter>,
    journal: JoinHandle<()>,
}

/// Reads every live execution off the log, arms its deadlines and starts the actors. Must be
/// called inside an actix system. Blocks while it reads.
///
/// # Errors
/// See [`StartError`].
pub fn start(
    config: Config,
    store: Arc<dyn ExecutionStore>,
    hooks: Hooks,
) -> Result<Running, StartError> {
    let began = Instant::now();
    let crash_at = config.debug.crash_at.as_deref().map(str::parse::<CrashAt>).transpose();
    let crash_at = crash_at.map_err(StartError::CrashAt)?;
    let limits = Limits {
        queue: config.journal.queue,
        batch_entries: config.journal.batch_entries,
        batch_bytes: config.journal.batch_bytes,
        recover_interval: config.journal.recover_interval,
    };
    let (journal, thread) = Journal::start(Arc::clone(&store), limits, crash_at)?;
    let page = heartline_storage::PageLimits {
        events: config.feed.page_events,
        bytes: config.feed.page_bytes,
    };
    let feed_limits = FeedLimits {
        kept_bytes: config.feed.frames_bytes,
        page,
        subscriptions: config.feed.max_subscriptions,
    };
    let feeds = Arc::new(Feeds::new(Arc::clone(&store), feed_limits));
    let core = Arc::new(Core::new(config, store, journal, feeds));
    let weak = Arc::downgrade(&core);
    core.journal.on_recovery(Box::new(move |unknown| {
        let Some(core) = weak.upgrade() else { return };
        for (namespace, id) in unknown {
            if let Err(error) = core.reconcile(namespace, *id) {
                tracing::error!(execution = %id, %error, "the log could not be read after the recovery");
            }
        }
        if let Err(error) = core.read_queues() {
            tracing::error!(%error, "what is set on queues could not be read after the recovery");
        }
        core.changes.lose();
    }));
    let (mut boot, promised) = restore(&core)?;
    boot.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    boot.summary = summary(&boot);
    tracing::info!(recovered = boot.recovered, took_ms = boot.took_ms, "{}", boot.summary);

    // Enough until the edge lends its threads, and where there is none.
    let (own, home) = Home::start()?;
    let directory = Arc::new(Directory::new(Arc::clone(&core), hooks, vec![home]));
    for (namespace, id) in promised {
        directory.wake(namespace, id, Duration::ZERO);
    }
    let watch = Arc::<Watch>::default();
    let (for_queues, for_supervisor) = (Arbiter::new(), Arbiter::new());
    let queues = {
        let (core, directory) = (Arc::clone(&core), Arc::clone(&directory));
        Queues::start_in_arbiter(&for_queues.handle(), move |_| Queues::new(core, directory))
    };
    {
        let (core, directory, watch) =
            (Arc::clone(&core), Arc::clone(&directory), Arc::clone(&watch));
        Supervisor::start_in_arbiter(&for_supervisor.handle(), move |_| {
            Supervisor::new(core, directory, watch)
        });
    }
    let mut arbiters = vec![own, for_queues, for_supervisor];
    let mut streams = None;
    if core.config.streams.enabled {
        let (started, arbiter) = Streams::start(&core)?;
        streams = Some(started);
        arbiters.push(arbiter);
    }
    let keys = Default::default();
    let handle = Handle::new(Parts { core, directory, queues, watch, boot, keys, streams });
    Ok(Running { handle, arbiters, journal: thread })
}

/// What the log says of each live execution, on the board; and those with a progress report that
/// was promised an event.
fn restore(core: &Core) -> Result<(BootReport, Vec<(Namespace, ExecutionId)>), StartError> {
    let now = core.now();
    core.started.store(now.0, Ordering::Relaxed);
    let not_before = now.plus(Span::from_std(core.config.supervision.boot_grace));
    // Before anything stands in a queue.
    core.read_queues()?;
    let mut boot = BootReport { epoch: core.store.meta().epoch, ..BootReport::default() };
    let mut promised = Vec::new();
    let mut board = core.board();
    core.store.live(&mut |standing| {
        boot.recovered += 1;
        match standing.place {
            Place::Queued { .. } => boot.queued += 1,
            Place::Leased(_) => boot.leases_in_grace += 1,
            Place::Parked => boot.parked += 1,
            Place::Over => {}
        }
        if standing.deadlines.iter().any(|d| d.at <= now) {
            boot.overdue += 1;
        }
        if standing.report().is_some() {
            promised.push((standing.namespace.clone(), standing.id));
        }
        board.restore(standing, now, not_before);
    })?;
    Ok((boot, promised))
}

fn summary(boot: &BootReport) -> String {
    if boot.recovered == 0 {
        return format!("Start {}: no live executions were found.", boot.epoch);
    }
    format!(
        "Start {}: {} live executions recovered: {} in queues, {} with runners that have a grace to return, {} waiting for people; {} deadlines had passed meanwhile.",
        boot.epoch, boot.recovered, boot.queued, boot.leases_in_grace, boot.parked, boot.overdue
    )
}

impl Running {
    /// Stops the actors, then the journal once all that was handed to it is written.
    pub fn stop(self) {
        let Self { handle, arbiters, journal } = self;
        handle.close();
        drop(handle);
        for arbiter in &arbiters {
            arbiter.stop();
        }
        for arbiter in arbiters {
            if arbiter.join().is_err() {
                tracing::error!("an arbiter's thread had panicked");
            }
        }
        // The thread ends when the last handle is gone; a caller may still hold one.
        if journal.is_finished() && journal.join().is_err() {
            tracing::error!("the journal's thread had panicked");
        }
    }
}
