//! The HTTP client: one request, one bounded wait, one readable error.
//!
//! Deliberately absent: proxies (the watcher's socket would not take them either), redirects, TLS
//! (a server binds loopback only while it has no tokens), and retries, except in [`persist`] for
//! calls that are safe to repeat.

use std::time::Duration;

use heartline_execution::{ExecutionId, Name};
use reqwest::{Method, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{backoff::Backoff, problem::Problem, wire};

/// Where a server listens when nobody says otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// Longer than this, a machine on the same network is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server answers within a sync of its disk; this is for a machine in trouble.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);
/// What an ambiguous id prefix lists.
const CANDIDATES: usize = 5;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `--server` is not an address, or an argument is not an id.
    #[error("{0}")]
    Address(String),
    /// No execution, or more than one, is what the argument names.
    #[error("{0}")]
    Lookup(String),
    /// Nobody answered. Whether the call had an effect is unknown.
    #[error(
        "no Heartline server answers at {server}: {why}\n  \
         start one here:   heartline serve\n  \
         or name another:  --server URL, or HEARTLINE_SERVER in the environment"
    )]
    Unreachable {
        /// Which.
        server: String,
        /// What the system said.
        why: String,
    },
    /// The server said no.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// Something else answered.
    #[error("{server} answered {what}: is it a Heartline server?")]
    Foreign {
        /// Who.
        server: String,
        /// What.
        what: String,
    },
}

impl Error {
    /// Whether the same call may well work a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Problem(problem) => problem.status == 429 || problem.status >= 500,
            Error::Address(_) | Error::Lookup(_) | Error::Foreign { .. } => false,
        }
    }

    /// The status, if the server gave one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Error::Problem(problem) => Some(problem.status),
            Error::Address(_)
            | Error::Lookup(_)
            | Error::Unreachable { .. }
            | Error::Foreign { .. } => None,
        }
    }

    /// One line of it, for a notice.
    pub(crate) fn brief(&self) -> String {
        match self {
            Error::Unreachable { why, .. } => why.clone(),
            Error::Problem(problem) => problem.brief(),
            Error::Address(_) | Error::Lookup(_) | Error::Foreign { .. } => self.to_string(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Problem(problem) => problem.retry_after,
            Error::Address(_)
            | Error::Lookup(_)
            | Error::Unreachable { .. }
            | Error::Foreign { .. } => None,
        }
    }
}

/// A server, as this process talks to it. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// A request to be sent.
pub(crate) struct Request<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    header: Option<(&'static str, String)>,
    body: Option<String>,
    patience: Duration,
}

impl Client {
    /// `server` is a URL, or `host:port`.
    pub(crate) fn new(server: &str, token: Option<&str>) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Address(format!("--server {server:?} {why}; it looks like {DEFAULT_SERVER}"))
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
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("heartline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::Address(format!("cannot set up HTTP: {}", causes(&e))))?;
        Ok(Self { http, base, token: token.map(str::to_owned) })
    }

    /// The address, without a slash at its end.
    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of the watcher's socket.
    pub(crate) fn socket(&self) -> String {
        format!("ws{}/v1/ws", self.server().trim_start_matches("http"))
    }

    /// The token, if one was given.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(crate) fn get(&self, path: &str) -> Request<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request<'_> {
        self.request(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request<'_> {
        self.request(Method::PATCH, path)
    }

    /// `path` is made of literals and checked ids or names, so it needs no escaping.
    fn request(&self, method: Method, path: &str) -> Request<'_> {
        let mut url = self.base.clone();
        url.set_path(path);
        Request { client: self, method, url, header: None, body: None, patience: REPLY_TIMEOUT }
    }

    /// The execution that `text` names: an id, or a prefix of only one.
    pub(crate) async fn resolve(&self, text: &str) -> Result<String, Error> {
        if text.parse::<ExecutionId>().is_ok() {
            return Ok(text.to_owned());
        }
        if Name::new(text).is_err() {
            return Err(Error::Address(format!(
                "{text:?} is not an execution id or the beginning of one"
            )));
        }
        let listed: wire::Listed = self
            .get("/v1/executions")
            .query(&[("id_prefix", text), ("limit", &(CANDIDATES + 1).to_string())])
            .json()
            .await?;
        match &listed.executions[..] {
            [one] => Ok(one.id.clone()),
            [] => Err(Error::Lookup(format!(
                "no execution has an id that begins with {text:?}; heartline ls shows them"
            ))),
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

    /// The execution as it is now.
    pub(crate) async fn execution(&self, id: &str) -> Result<wire::Execution, Error> {
        self.get(&format!("/v1/executions/{id}")).json().await
    }

    /// Asks an execution to stop; `grace` is a wire duration.
    pub(crate) async fn cancel(
        &self,
        id: &str,
        reason: Option<&str>,
        grace: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut body = serde_json::Map::new();
        if let Some(reason) = reason {
            body.insert("reason".to_owned(), reason.into());
        }
        if let Some(grace) = grace {
            body.insert("grace".to_owned(), grace.into());
        }
        let path = format!("/v1/executions/{id}/cancel");
        self.post(&path).body(serde_json::Value::Object(body).to_string()).send().await
    }
}

/// A reply that is not an error.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 2xx.
    pub(crate) status: StatusCode,
    /// UTF-8, as JSON is.
    pub(crate) body: String,
}

impl Request<'_> {
    /// Adds parameters, escaped.
    pub(crate) fn query(mut self, query: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(query);
        self
    }

    /// One header beside the usual ones.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    /// A JSON body.
    pub(crate) fn body(mut self, json: String) -> Self {
        self.body = Some(json);
        self
    }

    /// Waits for the reply this much longer than usual.
    pub(crate) fn wait(mut self, extra: Duration) -> Self {
        self.patience = REPLY_TIMEOUT + extra;
        self
    }

    /// Waits this long and no longer.
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// Any status that is not 2xx is an error.
    pub(crate) async fn send(self) -> Result<Answer, Error> {
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
            return Ok(Answer { status, body });
        }
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) if is_problem => {
                let status = status.as_u16();
                Err(Error::Problem(Box::new(Problem { status, retry_after, ..problem })))
            }
            Ok(_) | Err(_) => {
                Err(Error::Foreign { server: server.to_owned(), what: status.to_string() })
            }
        }
    }

    /// Sends it and reads the reply.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let client = self.client;
        self.send().await?.parse(client)
    }
}

impl Answer {
    /// Reads the body.
    pub(crate) fn parse<T: DeserializeOwned>(&self, client: &Client) -> Result<T, Error> {
        serde_json::from_str(&self.body).map_err(|e| Error::Foreign {
            server: client.server().to_owned(),
            what: format!("{} with a body that cannot be read ({e})", self.status.as_u16()),
        })
    }
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
pub(crate) async fn persist<T, Call: Future<Output = Result<T, Error>>>(
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
        let server = |text: &str| Client::new(text, None).map(|c| c.socket());
        assert_eq!(server("localhost:7400").unwrap(), "ws://localhost:7400/v1/ws");
        assert_eq!(server("http://[::1]:7400/").unwrap(), "ws://[::1]:7400/v1/ws");
        for wrong in ["", "https://a", "ftp://a", "http://a/b", "http://a?b", "http://"] {
            assert!(matches!(server(wrong), Err(Error::Address(_))), "{wrong}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable_and_says_how_to_start_a_server() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::new(&free.to_string(), None).unwrap();
        let error = client.get("/readyz").send().await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient());
        assert!(error.to_string().contains("heartline serve"), "{error}");
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
