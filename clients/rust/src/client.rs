//! The HTTP client: one request, one bounded wait, one readable error.
//!
//! Deliberately absent: proxies (the watcher's socket would not take them either), redirects, TLS
//! (a server binds loopback only while it has no tokens), and retries, except in [`persist`] for
//! calls that are safe to repeat. What can be called is in `calls`.

use std::time::Duration;

use heartline_execution::{ExecutionId, Name};
use reqwest::{Method, Url, header};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{backoff::Backoff, error::Error, problem::Problem, types};

/// Where a server listens when nobody says otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// Longer than this, a machine on the same network is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server answers within a sync of its disk; this is for a machine in trouble.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);
/// What an ambiguous id prefix lists.
const CANDIDATES: usize = 5;

/// A server, as this process talks to it. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// A request to be sent.
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    header: Option<(&'static str, String)>,
    body: Option<String>,
    patience: Duration,
}

impl Client {
    /// `server` is a URL, or `host:port`. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Address`] when it is neither.
    pub fn new(server: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Address(format!(
                "the server's address {server:?} {why}; it looks like {DEFAULT_SERVER}"
            ))
        };
        let full =
            if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let base: Url = full.parse().map_err(|e| wrong(&format!("is not a URL ({e})")))?;
        match base.scheme() {
            "http" if base.has_host() => {}
            "https" => return Err(wrong("asks for TLS, which this client does not speak yet")),
            _ => return Err(wrong("is not an http URL")),
        }
        if base.path() != "/" || base.query().is_some() {
            return Err(wrong("has a path; only the address is needed"));
        }
        Ok(Self { http: http()?, base, token: None })
    }

    /// The server and the token that `HEARTLINE_SERVER` and `HEARTLINE_TOKEN` name; the default
    /// address where the first is not set.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn from_env() -> Result<Self, Error> {
        let server = std::env::var("HEARTLINE_SERVER");
        let client = Self::new(server.as_deref().unwrap_or(DEFAULT_SERVER))?;
        Ok(match std::env::var("HEARTLINE_TOKEN") {
            Ok(token) => client.with_token(token),
            Err(_unset) => client,
        })
    }

    /// Shows the server this token.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// The same with connections of its own, for another runtime than that which made these.
    ///
    /// # Errors
    /// [`Error::Address`] when the system has none.
    pub(crate) fn apart(&self) -> Result<Self, Error> {
        Ok(Self { http: http()?, ..self.clone() })
    }

    /// The address, without a slash at its end.
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of a WebSocket.
    pub(crate) fn socket(&self, path: &str) -> String {
        format!("ws{}{path}", self.server().trim_start_matches("http"))
    }

    /// The token, if one was given.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A call that reads. `path` is made of literals and checked ids or names: it is not escaped.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// A call that does something; see [`Client::get`].
    pub fn post(&self, path: &str) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// A call that changes something; see [`Client::get`].
    pub fn patch(&self, path: &str) -> Request<'_> {
        self.request(Method::PATCH, path)
    }

    fn request(&self, method: Method, path: &str) -> Request<'_> {
        let mut url = self.base.clone();
        url.set_path(path);
        Request { client: self, method, url, header: None, body: None, patience: REPLY_TIMEOUT }
    }

    /// The id of the execution that `text` names: an id, or the beginning of only one.
    ///
    /// # Errors
    /// [`Error::Lookup`] when it names none or several, and as every call.
    pub async fn resolve(&self, text: &str) -> Result<String, Error> {
        if text.parse::<ExecutionId>().is_ok() {
            return Ok(text.to_owned());
        }
        if Name::new(text).is_err() {
            return Err(Error::Address(format!(
                "{text:?} is not an execution id or the beginning of one"
            )));
        }
        let listed: types::Listed = self
            .get("/v1/executions")
            .query(&[("id_prefix", text), ("limit", &(CANDIDATES + 1).to_string())])
            .json()
            .await?;
        match &listed.executions[..] {
            [one] => Ok(one.id.clone()),
            [] => Err(Error::Lookup(format!("no execution has an id that begins with {text:?}"))),
            several => {
                let more = if several.len() > CANDIDATES { "\n  …" } else { "" };
                let lines: Vec<_> = several
                    .iter()
                    .take(CANDIDATES)
                    .map(|e| format!("\n  {}  {} {:?}", e.id, e.phase.as_str(), e.name))
                    .collect();
                Err(Error::Lookup(format!(
                    "several executions have ids that begin with {text:?}; give more of it:{}{more}",
                    lines.concat()
                )))
            }
        }
    }
}

/// A reply that is not an error.
#[derive(Debug)]
pub struct Answer {
    /// 2xx.
    pub status: u16,
    /// UTF-8, as JSON is.
    pub body: String,
}

impl Request<'_> {
    /// Adds parameters, escaped.
    pub fn query(mut self, query: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(query);
        self
    }

    /// One header beside the usual ones.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    /// A JSON body.
    pub fn body(mut self, json: String) -> Self {
        self.body = Some(json);
        self
    }

    /// Waits for the reply this much longer than usual.
    pub fn wait(mut self, extra: Duration) -> Self {
        self.patience = REPLY_TIMEOUT + extra;
        self
    }

    /// Waits this long and no longer.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// Any status that is not 2xx is an error.
    pub async fn send(self) -> Result<Answer, Error> {
        let server = self.client.server();
        let unreachable =
            |e: &reqwest::Error| Error::Unreachable { server: server.to_owned(), why: causes(e) };
        let mut request = self.client.http.request(self.method, self.url).timeout(self.patience);
        if let Some(token) = &self.client.token {
            request = request.bearer_auth(token);
        }
        if let Some((name, value)) = self.header {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let reply = request.send().await.map_err(|e| unreachable(&e))?;
        let status = reply.status();
        let retry_after = reply
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let is_problem = reply
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
        let bytes = reply.bytes().await.map_err(|e| unreachable(&e))?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        if status.is_success() {
            return Ok(Answer { status: status.as_u16(), body });
        }
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) if is_problem => {
                let status = status.as_u16();
                let retry_after = retry_after.or(problem.retry_after);
                Err(Error::Problem(Box::new(Problem { status, retry_after, ..problem })))
            }
            Ok(_) | Err(_) => {
                Err(Error::Foreign { server: server.to_owned(), what: status.to_string() })
            }
        }
    }

    /// Sends it and reads the reply.
    ///
    /// # Errors
    /// As [`Request::send`], and [`Error::Foreign`] when the reply cannot be read.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let client = self.client;
        self.send().await?.parse(client)
    }
}

impl Answer {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Foreign`] when it is something else.
    pub fn parse<T: DeserializeOwned>(&self, client: &Client) -> Result<T, Error> {
        serde_json::from_str(&self.body).map_err(|e| Error::Foreign {
            server: client.server().to_owned(),
            what: format!("{} with a body that cannot be read ({e})", self.status),
        })
    }
}

fn http() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .user_agent(concat!("heartline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| Error::Address(format!("cannot set up HTTP: {}", causes(&e))))
}

/// The innermost cause says the most; the URL is known already.
fn causes(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Repeats a call that is safe to repeat until the server answers it, for as long as `patience`
/// lasts; `notice` hears of each failure and of the wait that follows it.
///
/// # Errors
/// The first that trying again would not mend, or the last one.
pub async fn persist<T, Call: Future<Output = Result<T, Error>>>(
    patience: Duration,
    mut call: impl FnMut() -> Call,
    mut notice: impl FnMut(&Error, Duration),
) -> Result<T, Error> {
    let give_up = Instant::now() + patience;
    let mut backoff = Backoff::default();
    loop {
        let error = match call().await {
            Err(error) if error.is_transient() => error,
            answered => return answered,
        };
        let wait = error.retry_after().unwrap_or_default().max(backoff.next());
        if Instant::now() + wait > give_up {
            return Err(error);
        }
        notice(&error, wait);
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_or_an_address() {
        let server = |text: &str| Client::new(text).map(|c| c.socket("/v1/ws"));
        assert_eq!(server("localhost:7400").unwrap(), "ws://localhost:7400/v1/ws");
        assert_eq!(server("http://[::1]:7400/").unwrap(), "ws://[::1]:7400/v1/ws");
        for wrong in ["", "https://a", "ftp://a", "http://a/b", "http://a?b", "http://"] {
            assert!(matches!(server(wrong), Err(Error::Address(_))), "{wrong}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::new(&free.to_string()).unwrap();
        let error = client.get("/readyz").send().await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient());
    }

    #[tokio::test(start_paused = true)]
    async fn persistence_ends_with_the_first_answer_or_with_its_patience() {
        let away = || Error::Unreachable { server: "s".into(), why: "w".into() };
        let mut calls = 0;
        let told = persist(
            Duration::from_secs(60),
            || {
                calls += 1;
                std::future::ready(if calls < 4 { Err(away()) } else { Ok(calls) })
            },
            |_, _| {},
        );
        assert_eq!(told.await.unwrap(), 4);
        let never = persist(
            Duration::from_secs(60),
            || std::future::ready(Err::<(), _>(away())),
            |_, _| {},
        );
        assert!(never.await.unwrap_err().is_transient());
    }
}
