//! The server as a whole: options of its sockets, and how it stops.

use std::{future::Future, net::TcpListener, sync::Arc};

use actix_web::{App as Web, HttpServer, dev::Server, http::KeepAlive, web};
use heartline_actors::Handle;
use heartline_config::Config;

use crate::{app::App, connection, drain::Drain, gate::Gate, routes};

/// A server that accepts connections once it is [`run`](Edge::run).
pub struct Edge {
    server: Server,
    drain: Drain,
}

/// Prepares to serve `handle` on `listener`. Must be called inside an actix system.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, handle: Handle, config: Arc<Config>) -> std::io::Result<Edge> {
    let address = listener.local_addr()?;
    // The standard library listens with a short queue; asking again lengthens it.
    rustix::net::listen(&listener, i32::try_from(config.http.backlog).unwrap_or(i32::MAX))?;
    let (drain, draining) = Drain::new();
    let app = Arc::new(App::new(handle, Arc::clone(&config), address, draining));
    let workers = match config.server.workers {
        0 => std::thread::available_parallelism()?.get(),
        count => count,
    };
    let user_timeout = config.websocket.user_timeout;
    let http = &config.http;
    let server = HttpServer::new(move || {
        app.handle.lend_this_thread();
        let routes = {
            let app = Arc::clone(&app);
            move |service: &mut web::ServiceConfig| routes::configure(service, &app)
        };
        Web::new()
            .app_data(web::Data::from(Arc::clone(&app)))
            .configure(routes)
            .wrap(Gate(Arc::clone(&app)))
    })
    .on_connect(move |socket, data| connection::opened(socket, data, user_timeout))
    .workers(workers)
    .max_connections(http.max_connections.div_ceil(workers))
    .keep_alive(KeepAlive::Timeout(http.keep_alive))
    .client_request_timeout(http.client_request_timeout)
    // What is written and not yet sent; bodies are not asked for more beyond it.
    .h1_write_buffer_size(config.websocket.send_buffer_bytes)
    // A client that has closed its end waits for nothing: its polls and streams end at once.
    .h1_allow_half_closed(false)
    .shutdown_timeout(config.server.shutdown_timeout.as_secs().max(1))
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Edge { server, drain })
}

impl Edge {
    /// Serves until `shutdown` is done. Then no more connections are accepted, long polls answer,
    /// streams end, WebSockets close with 1001, and requests under way are finished within
    /// `server.shutdown_timeout`.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
        let Self { mut server, drain } = self;
        let handle = server.handle();
        tokio::pin!(shutdown);
        tokio::select! {
            ended = &mut server => return ended,
            () = &mut shutdown => {}
        }
        drain.begin();
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        ended
    }
}
