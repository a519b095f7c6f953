//! A server for tests that says over its WebSocket what a test wants it to.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
    },
};

/// Answers each frame with what `answer` makes of it, and then says nothing more: its address, and
/// the connections it has had.
#[allow(clippy::result_large_err, reason = "tungstenite's own callback")]
pub(crate) async fn server(
    protocol: &'static str,
    answer: fn(&Value) -> Vec<Value>,
) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let agree = |_: &Request, mut reply: Response| {
                    let protocol = HeaderValue::from_static(protocol);
                    reply.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
                    Ok(reply)
                };
                let mut socket = accept_hdr_async(socket, agree).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    let Message::Text(text) = message else { continue };
                    for frame in answer(&serde_json::from_str(&text).unwrap()) {
                        // A client that has heard enough is gone.
                        let _gone = socket.send(Message::text(frame.to_string())).await;
                    }
                }
            });
        }
    });
    (address, connections)
}
