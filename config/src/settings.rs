//! Every setting, once: name, type, default, bounds and reason.
//!
//! The macro makes the structs, their defaults and the table the loader goes by, so that none of
//! them can drift from the others. The first line of each description is also its comment in
//! `default.toml`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::allowed::Allowed::{
    self, Bytes, Count, CrashPoint, Hosts, Loopback, OneOf, Origins, Path, Span, Switch, Text,
};

/// What is known of a setting beside its type.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name there.
    pub field: &'static str,
    /// One line about it.
    pub about: &'static str,
    pub(crate) allowed: Allowed,
}

impl Setting {
    /// `section.field`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.field)
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("HEARTLINE_{}_{}", self.section, self.field).to_ascii_uppercase()
    }

    /// What it accepts, in words.
    pub fn allowed(&self) -> String {
        self.allowed.to_string()
    }
}

/// How the server writes its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: u64 = 1 << 30;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

macro_rules! settings {
    ($(
        $(#[doc = $section_about:literal])+
        $section:ident: $Section:ident {
            $(
                #[doc = $about:literal]
                $(#[doc = $more:literal])*
                $field:ident: $type:ty $(as $form:tt)? = $default:expr, $allowed:expr;
            )+
        }
    )+) => {
        /// All settings. Plain data: [`Loaded::load`](crate::Loaded::load) is what checks bounds.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $section_about])+ pub $section: $Section,)+
        }

        $(
            $(#[doc = $section_about])+
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Section {
                $(
                    #[doc = $about]
                    $(#[doc = $more])*
                    #[doc = ""]
                    #[doc = concat!("Default `", stringify!($default), "`, allowed `", stringify!($allowed), "`.")]
                    $(#[serde(with = $form)])?
                    pub $field: $type,
                )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $($field: $default,)+ }
                }
            }
        )+

        /// Every setting, in the order of the file.
        pub const SETTINGS: &[Setting] = &[$($(
            Setting {
                section: stringify!($section),
                field: stringify!($field),
                about: $about.trim_ascii(),
                allowed: $allowed,
            },
        )+)+];
    };
}

settings! {
    /// Where the server listens and keeps its data.
    server: Server {
        /// Address and port to listen on; port 0 takes a free one. Loopback only: there are no tokens.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 7400)), Loopback;
        /// Folder of the log and everything derived from it; made when it is missing.
        data: PathBuf = PathBuf::from("data"), Path;
        /// Threads that serve HTTP; 0 takes one for each core.
        /// More than the cores only helps to share them out, hence the bound.
        workers: usize = 0, Count(0, 1024);
        /// Hosts that requests may name; empty allows the loopback names and the listen address.
        /// A guard against DNS rebinding, checked on every route.
        allowed_hosts: Vec<String> = Vec::new(), Hosts;
        /// Web origins beside the server's own whose pages may call it.
        allowed_origins: Vec<String> = Vec::new(), Origins;
        /// Longest wait for open requests and sockets when the server stops.
        /// Below the 30 s after which service managers usually kill.
        shutdown_timeout: Duration as "crate::form::span" = secs(10), Span(ms(100), secs(600));
    }

    /// The durable log on disk.
    storage: Storage {
        /// Memory for blocks read back from disk.
        /// Live executions are served from memory, so this matters to readers that are behind.
        block_cache_bytes: usize as "crate::form::bytes" = 32 * MIB, Bytes(MIB as u64, 1024 * GIB);
        /// Memory that gathers writes before they become files, over all column families.
        write_buffer_bytes: usize as "crate::form::bytes" = 64 * MIB, Bytes(4 * MIB as u64, 64 * GIB);
        /// Files the store keeps open; the process needs as many descriptors beside its sockets.
        max_open_files: i32 = 512, Count(64, 1_000_000);
    }

    /// One execution and its actor.
    execution: Execution {
        /// Most content one execution's state may hold; larger posts are refused.
        /// It bounds memory, snapshots and the replay of one execution.
        state_bytes: usize as "crate::form::bytes" = 16 * MIB, Bytes(64 * KIB as u64, GIB);
        /// Commands that may wait for one execution; one more is answered with 503.
        mailbox: usize = 1024, Count(16, 1_000_000);
        /// How long an execution that nobody calls or watches stays in memory.
        idle_timeout: Duration as "crate::form::span" = secs(10), Span(ms(100), secs(86_400));
        /// Events between two stored snapshots: the most a rebuild has to replay.
        snapshot_every: u64 = 1024, Count(1, 1_000_000);
        /// Live executions the server takes; one more is answered with 503.
        /// Each costs a standing and its deadlines in memory, so the bound is a bound on memory.
        max_live: usize = 2_000_000, Count(1, 100_000_000);
    }

    /// Watching over executions and runners.
    supervision: Supervision {
        /// After a start, how long leases are kept for runners that may still be at work.
        boot_grace: Duration as "crate::form::span" = secs(5), Span(Duration::ZERO, secs(3600));
        /// After a runner's socket closed, how long it may take to return; then it is lost, with its leases.
        runner_grace: Duration as "crate::form::span" = secs(5), Span(Duration::ZERO, secs(3600));
        /// How often a runner that is connected is asked to give a sign of life.
        runner_heartbeat: Duration as "crate::form::span" = secs(10), Span(ms(100), secs(3600));
        /// Silence after which a runner is shown as late: one and a half of its 10 s beats.
        runner_late_after: Duration as "crate::form::span" = secs(15), Span(secs(1), secs(86_400));
        /// Silence after which a runner is shown as lost and no longer counted for dispatch.
        /// Four missed beats; its leases end by their own heartbeat deadlines, sooner by default. A
        /// socket of which nothing is heard for so long is closed.
        runner_lost_after: Duration as "crate::form::span" = secs(45), Span(secs(1), secs(86_400));
        /// How long a runner that asks for nothing and holds nothing is remembered, and its queue.
        /// Long enough to tell a queue whose runners have died from one that never had any; short
        /// enough that the one-off runners of `heartline run` do not pile up in lists.
        runner_retention: Duration as "crate::form::span" = secs(3600), Span(secs(1), secs(30 * 86_400));
        /// Between two searches for executions in limbo (invariant J).
        audit_interval: Duration as "crate::form::span" = secs(5), Span(ms(100), secs(3600));
        /// Restarts of an execution's actor within the window; one more fails the execution.
        restart_limit: u32 = 5, Count(0, 1000);
        /// The window in which restarts count.
        restart_window: Duration as "crate::form::span" = secs(60), Span(secs(1), secs(86_400));
        /// Wait before an actor is restarted; doubled with every restart in the window.
        restart_backoff: Duration as "crate::form::span" = ms(100), Span(ms(1), secs(60));
        /// Timeouts performed at once; the rest wait their turn in order of their deadline.
        /// Enough to fill a batch of the journal, few enough not to crowd out callers.
        timeout_concurrency: usize = 256, Count(1, 65_536);
        /// Runners remembered; beyond it the longest lost is forgotten, and if none is, refused.
        max_runners: usize = 10_000, Count(1, 1_000_000);
        /// Queues on which something is set, such as a pause or a limit; one more is refused.
        max_queue_settings: usize = 10_000, Count(1, 1_000_000);
        /// Least time between two progress events of an execution; the last is never lost.
        progress_interval: Duration as "crate::form::span" = secs(1), Span(ms(10), secs(3600));
    }

    /// The one thread that writes.
    journal: Journal {
        /// Appends that may wait to be written; one more is answered with 503.
        queue: usize = 16_384, Count(16, 10_000_000);
        /// Most appends of one batch, and so of one sync.
        batch_entries: usize = 4096, Count(1, 1_000_000);
        /// Most bytes of one batch; a larger append goes alone.
        batch_bytes: usize as "crate::form::bytes" = 8 * MIB, Bytes(64 * KIB as u64, GIB);
        /// After a failed write, time between two attempts to bring the store back.
        recover_interval: Duration as "crate::form::span" = secs(1), Span(ms(10), secs(600));
    }

    /// Live updates to watchers.
    feed: Feed {
        /// Newest encoded events kept in memory for each watched execution.
        /// A reader further behind reads from disk; a larger value only saves such reads.
        frames_bytes: usize as "crate::form::bytes" = 256 * KIB, Bytes(4 * KIB as u64, GIB);
        /// Newest changes of executions kept in memory while any live list is open.
        /// A list further behind is sent anew; some thousand changes.
        changes_bytes: usize as "crate::form::bytes" = 4 * MIB, Bytes(64 * KIB as u64, GIB);
        /// Most events of one page read from disk.
        page_events: usize = 512, Count(1, 100_000);
        /// Most bytes of one page read from disk; one larger event goes alone.
        page_bytes: usize as "crate::form::bytes" = 256 * KIB, Bytes(4 * KIB as u64, GIB);
        /// Subscriptions over all connections; one more is refused.
        max_subscriptions: usize = 100_000, Count(1, 10_000_000);
        /// Subscriptions of one connection; one more is refused.
        per_connection: usize = 1000, Count(1, 1_000_000);
    }

    /// HTTP and server-sent events.
    http: Http {
        /// Largest request body.
        body_bytes: usize as "crate::form::bytes" = MIB, Bytes(4 * KIB as u64, GIB);
        /// Largest single event.
        event_bytes: usize as "crate::form::bytes" = 256 * KIB, Bytes(KIB as u64, GIB);
        /// Most events of one post.
        batch_events: usize = 1000, Count(1, 100_000);
        /// Deepest nesting of JSON; deeper is refused before it is read.
        /// 64 is also what the log accepts.
        max_depth: usize = 64, Count(4, 64);
        /// Most rows of one list.
        list_limit: usize = 1000, Count(1, 100_000);
        /// Rows of a list when the request does not say.
        list_default: usize = 50, Count(1, 100_000);
        /// Longest wait of a long poll or a claim; longer ones are cut to it.
        long_poll_max: Duration as "crate::form::span" = secs(60), Span(ms(100), secs(3600));
        /// Most leases of one claim.
        claim_slots_max: usize = 1000, Count(1, 100_000);
        /// Between two comments on a quiet stream, so that proxies keep it open.
        sse_keep_alive: Duration as "crate::form::span" = secs(15), Span(ms(100), secs(3600));
        /// Connections over all workers; further ones wait to be accepted.
        max_connections: usize = 25_000, Count(1, 10_000_000);
        /// Connections the kernel keeps for the server to accept.
        backlog: u32 = 4096, Count(1, 65_535);
        /// Longest time to send a request's head: a guard against slow senders.
        client_request_timeout: Duration as "crate::form::span" = secs(10), Span(ms(100), secs(600));
        /// How long an idle connection stays open.
        keep_alive: Duration as "crate::form::span" = secs(75), Span(secs(1), secs(3600));
    }

    /// WebSockets of watchers and runners.
    websocket: WebSocket {
        /// Largest message, all its fragments together.
        message_bytes: usize as "crate::form::bytes" = MIB, Bytes(4 * KIB as u64, GIB);
        /// Between two pings, and between the pings that a page can see.
        ping_interval: Duration as "crate::form::span" = secs(25), Span(ms(100), secs(600));
        /// How long sent bytes may stay unacknowledged before the kernel drops the connection.
        /// TCP_USER_TIMEOUT: the only timer that works while a socket is not being read.
        user_timeout: Duration as "crate::form::span" = secs(30), Span(secs(1), secs(3600));
        /// What a socket takes that was not sent yet, beyond what the peer has room for.
        /// TCP_NOTSENT_LOWAT: the kernel would keep up to 4 MiB for each reader that stands still.
        /// Twice the send buffer is enough for those that read, and soon full for those that do not.
        unsent_bytes: usize as "crate::form::bytes" = 32 * KIB, Bytes(4 * KIB as u64, GIB);
        /// Frames encoded for a connection that its socket has not taken; nothing is pulled beyond.
        /// A connection keeps the memory of the most it ever held, so this is also what each of them
        /// may cost.
        send_buffer_bytes: usize as "crate::form::bytes" = 16 * KIB, Bytes(4 * KIB as u64, GIB);
        /// Longest time a runner may take to register after it connected.
        hello_timeout: Duration as "crate::form::span" = secs(10), Span(ms(100), secs(600));
    }

    /// Durable Streams: reading executions that way, and plain streams that clients write.
    streams: Streams {
        /// Serve plain streams, which anybody who reaches the server may write, at /v1/stream/.
        enabled: bool = false, Switch;
        /// How long a long poll of a durable stream waits, plain or an execution's.
        /// Below the 30 s after which many proxies give up.
        long_poll: Duration as "crate::form::span" = secs(20), Span(ms(10), secs(600));
        /// Longest life of a live event stream; the client comes back where it was.
        /// The protocol's own advice, so that caches between can share new connections.
        sse_lifetime: Duration as "crate::form::span" = secs(60), Span(ms(100), secs(86_400));
        /// Largest append, and largest content a stream is created with.
        append_bytes: usize as "crate::form::bytes" = MIB, Bytes(KIB as u64, GIB);
        /// Most messages of one append to a JSON stream: each is a row of the log.
        append_messages: usize = 10_000, Count(1, 1_000_000);
        /// Bytes at which an answer to a reader is full: no further page is read for it.
        read_bytes: usize as "crate::form::bytes" = 256 * KIB, Bytes(4 * KIB as u64, GIB);
        /// Streams there may be; one more is refused. What the rules know of each is in memory.
        max_streams: usize = 10_000, Count(1, 10_000_000);
        /// Producers that one stream remembers; one more is refused.
        max_producers: usize = 100, Count(1, 100_000);
        /// Between two searches for streams whose time is over.
        sweep_interval: Duration as "crate::form::span" = secs(10), Span(ms(10), secs(3600));
    }

    /// The server's own log.
    log: Log {
        /// Text for people, or JSON with one object a line.
        format: LogFormat = LogFormat::Text, OneOf(&["text", "json"]);
        /// What is logged: a level, or directives such as "info,heartline_actors=debug".
        filter: String = "info".to_owned(), Text;
    }

    /// For tests; leave these alone otherwise.
    debug: Debug {
        /// Serve a WebSocket echo at /debug/echo.
        ws_echo: bool = false, Switch;
        /// Kill the server at its n-th commit: before_commit:n, after_commit:n, after_ack:n.
        crash_at: Option<String> as "crate::form::optional" = None, CrashPoint;
    }
}
