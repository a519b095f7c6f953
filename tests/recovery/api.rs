//! The HTTP interface as WIRE has it: requests as values, so that the same one can be sent again.

use std::{fmt, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

/// Longer than any wait that a request asks for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A way to one server, which may come and go.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

/// No answer came: what became of the request is unknown.
#[derive(Debug)]
pub(crate) struct Lost(reqwest::Error);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: Method,
    path: String,
    body: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, headers: Vec::new() }
    }

    fn post(path: impl Into<String>, body: impl ToString) -> Self {
        Self { method: Method::POST, body: Some(body.to_string()), ..Self::get(path) }
    }

    pub(crate) fn patch(path: &str, body: &Value) -> Self {
        Self { method: Method::PATCH, body: Some(body.to_string()), ..Self::get(path) }
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl ToString) -> Self {
        self.headers.push((header, value.to_string()));
        self
    }

    pub(crate) fn create(body: &Value, key: &str) -> Self {
        Self::post("/v1/executions", body).with("Idempotency-Key", key)
    }

    /// One lease for `runner`.
    pub(crate) fn claim(queue: &str, runner: &str, wait: &str) -> Self {
        let body = json!({"runner": {"id": runner, "host": "test"}, "slots": 1, "wait": wait});
        Self::post(format!("/v1/queues/{queue}/claim"), body)
    }

    /// `events` is a JSON array, sent as it is.
    pub(crate) fn events(lease: &Lease, batch: u64, events: &str) -> Self {
        let body = format!(r#"{{"lease":"{}","batch":{batch},"events":{events}}}"#, lease.token);
        Self::post(format!("/v1/executions/{}/events", lease.execution), body)
    }

    /// `…/{call}` under a lease, with what else the body has.
    pub(crate) fn under(lease: &Lease, call: &str, mut body: Value) -> Self {
        body["lease"] = json!(lease.token);
        Self::post(format!("/v1/executions/{}/{call}", lease.execution), body)
    }

    /// `…/{call}` by a person.
    pub(crate) fn by_person(execution: &str, call: &str, body: Value) -> Self {
        Self::post(format!("/v1/executions/{execution}/{call}"), body)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// The `seq` of a success.
    #[track_caller]
    pub(crate) fn seq(&self) -> u64 {
        let body = self.ok();
        body["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {body}"))
    }

    /// The `code` of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The lease of a claim, if one was granted.
    #[track_caller]
    pub(crate) fn lease(&self) -> Option<Lease> {
        if self.status == 204 {
            return None;
        }
        let body = self.ok();
        let [lease] = body["leases"].as_array().expect("leases").as_slice() else {
            panic!("one was asked for: {body}");
        };
        Some(Lease {
            execution: lease["execution"]["id"].as_str().expect("an id").to_owned(),
            attempt: lease["attempt"].as_u64().expect("an attempt"),
            token: lease["lease"].as_str().expect("a lease").to_owned(),
        })
    }
}

/// The right to write for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) execution: String,
    pub(crate) attempt: u64,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn new(address: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
        Self { http: http.expect("a client"), base: format!("http://{address}") }
    }

    /// Sends it once.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Lost> {
        let response = self.open(request).await?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(Lost)?;
        Ok(Answer { status, text })
    }

    /// Sends it once and leaves the body to be read as it comes.
    pub(crate) async fn open(&self, request: &Request) -> Result<reqwest::Response, Lost> {
        let url = format!("{}{}", self.base, request.path);
        let mut sending = self.http.request(request.method.clone(), url);
        for (name, value) in &request.headers {
            sending = sending.header(*name, value);
        }
        if let Some(body) = &request.body {
            sending = sending.header("Content-Type", "application/json").body(body.clone());
        }
        sending.send().await.map_err(Lost)
    }

    /// Sends it to a server that is up.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> impl Future<Output = Answer> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.send(request).await;
            answer.unwrap_or_else(|lost| panic!("{caller}: {request:?}: {lost}"))
        }
    }

    /// The body of a `GET` that succeeds.
    pub(crate) async fn get(&self, path: impl Into<String>) -> Value {
        self.ask(&Request::get(path)).await.ok()
    }

    /// The execution with its state.
    pub(crate) async fn execution(&self, id: &str) -> Value {
        self.get(format!("/v1/executions/{id}")).await
    }

    /// Every execution there is, of one phase or of all.
    pub(crate) async fn list(&self, phase: Option<&str>) -> Vec<Value> {
        let phase = phase.map(|phase| format!("&phase={phase}")).unwrap_or_default();
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(format!("/v1/executions?limit=1000{phase}{cursor}")).await;
            found.extend(page["executions"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    pub(crate) async fn supervisor(&self) -> Value {
        self.get("/v1/supervisor").await
    }
}
