//! The server, put together: store, actors, edge. The only place that knows all three.
//!
//! Deliberately absent: arguments, signals and logging, which belong to the process (`main.rs` and
//! `cli/`), and every rule, which belongs to the crates.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use heartline_actors::Hooks;
use heartline_config::Config;
use heartline_storage::{ExecutionStore, Options, RocksStore};

/// Threads that were told to end do so in far less, unless one of them hangs.
const CLOSE: Duration = Duration::from_secs(5);

/// Why the server did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] heartline_storage::OpenError),
    /// What is in it cannot be taken up.
    #[error(transparent)]
    Start(#[from] heartline_actors::StartError),
    /// The listener failed.
    #[error("the server's socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown` is done, then stops in order: no new connections, requests
/// under way are finished, actors stop, what they decided is written, the store closes.
///
/// Must be called inside an actix system. Blocks it while the store is opened and read.
///
/// # Errors
/// When the server cannot start, and when its socket fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let options = Options {
        block_cache_bytes: config.storage.block_cache_bytes,
        write_buffer_bytes: config.storage.write_buffer_bytes,
        // Positive, as the settings are checked.
        max_open_files: u32::try_from(config.storage.max_open_files).unwrap_or(u32::MAX),
        ..Options::default()
    };
    let store: Arc<dyn ExecutionStore> = Arc::new(RocksStore::open(&config.server.data, options)?);
    let config = Arc::new(config);
    let running = heartline_actors::start((*config).clone(), Arc::clone(&store), Hooks::default())?;
    let served = match heartline_web::serve(listener, running.handle.clone(), config) {
        Ok(edge) => edge.run(shutdown).await,
        Err(error) => Err(error),
    };
    running.stop();
    close(store).await;
    Ok(served?)
}

/// Closes the store once the threads of edge and journal have let go of it. A process that ended
/// while one of them still had it would tear RocksDB down under its feet.
async fn close(store: Arc<dyn ExecutionStore>) {
    let give_up = Instant::now() + CLOSE;
    while Arc::strong_count(&store) > 1 {
        if Instant::now() > give_up {
            tracing::warn!(holders = Arc::strong_count(&store) - 1, "the store is still in use");
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
