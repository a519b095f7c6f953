//! The server as a whole: options of its sockets, and how it stops.

use std::{future::Future, net::TcpListener, rc::Rc, sync::Arc};

use actix_http::{Extensions, HttpService, KeepAlive};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory as _, ServiceFactory as _, ServiceFactoryExt as _, fn_factory, fn_service,
    map_config,
};
use actix_web::{App as Web, dev::AppConfig, rt::net::TcpStream, web};
use heartline_actors::Handle;
use heartline_config::Config;

use crate::{
    app::App,
    connection::{self, SocketOptions},
    drain::Drain,
    gate::Gate,
    routes, upgrade,
};

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
    let socket_options = SocketOptions::of(&config.websocket);
    let (max_connections, shutdown_timeout) =
        (config.http.max_connections, config.server.shutdown_timeout);
    let draining = app.draining.clone();
    let of_worker = move || {
        app.handle.lend_this_thread();
        // Ordinary requests and those that upgrade go through two instances of one application.
        let application = || {
            let (app, for_routes) = (Arc::clone(&app), Arc::clone(&app));
            let web = Web::new()
                .app_data(web::Data::from(Arc::clone(&app)))
                .configure(move |service| routes::configure(service, &for_routes))
                .wrap(Gate(app))
                .into_factory()
                .map_err(|error: actix_web::Error| error.error_response());
            map_config(web, move |()| AppConfig::default())
        };
        let upgrading = application();
        let outbound = app.handle.outbound();
        let upgrade = fn_factory(move || {
            let application = upgrading.new_service(());
            let outbound = outbound.clone();
            async move {
                let application = Rc::new(application.await?);
                Ok::<_, ()>(fn_service(move |(request, framed)| {
                    upgrade::serve(Rc::clone(&application), outbound.clone(), request, framed)
                }))
            }
        });
        let draining = draining.clone();
        HttpService::build()
            .keep_alive(KeepAlive::Timeout(config.http.keep_alive))
            .client_request_timeout(config.http.client_request_timeout)
            // What is written and not yet sent; bodies are not asked for more beyond it.
            .h1_write_buffer_size(config.websocket.send_buffer_bytes)
            // A client that has closed its end waits for nothing: its polls and streams end at once.
            .h1_allow_half_closed(false)
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.begun().await }
            })
            .local_addr(address)
            .on_connect_ext(move |socket: &TcpStream, data: &mut Extensions| {
                connection::opened(socket, data, socket_options);
            })
            .upgrade(upgrade)
            .finish(application())
            .tcp()
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(max_connections.div_ceil(workers))
        .shutdown_timeout(shutdown_timeout.as_secs().max(1))
        .disable_signals()
        .listen("heartline", listener, of_worker)?
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
