//! Requests of the protocol, and what their answers say.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use super::server::{PATIENCE, Site};

/// A way to one server, which may come and go.
pub(crate) struct Http {
    client: Client,
    base: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text; empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Where the next read begins.
    pub(crate) fn next(&self) -> String {
        self.header("stream-next-offset").to_owned()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.header("stream-closed") == "true"
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects a status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Http {
    pub(crate) fn to(site: &Site) -> Self {
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { client, base: format!("http://{}", site.address()) }
    }

    /// An answer whose body is still to come.
    pub(crate) async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        request.send().await
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, reqwest::Error> {
        let response = self.begin(method, path, headers, body).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(Method::HEAD, path, &[], "").await
    }

    /// Creates a stream of text.
    pub(crate) async fn put(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(Method::PUT, path, &[&[("content-type", "text/plain")], headers].concat(), body)
            .await
    }

    /// Appends text.
    pub(crate) async fn append(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(Method::POST, path, &[&[("content-type", "text/plain")], headers].concat(), body)
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// `POST` of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = self.send(Method::POST, path, &headers, &body.to_string()).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    /// Asks until the answer has this status.
    pub(crate) async fn until(&self, path: &str, status: StatusCode) {
        let asked = async {
            while self.head(path).await.status != status.as_u16() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never {status}"));
    }
}

/// The three headers of a producer.
pub(crate) fn producer<'a>(id: &'a str, epoch: &'a str, seq: &'a str) -> [(&'a str, &'a str); 3] {
    [("producer-id", id), ("producer-epoch", epoch), ("producer-seq", seq)]
}

/// An execution that a runner holds.
pub(crate) struct Held {
    pub(crate) id: String,
    lease: String,
}

impl Held {
    pub(crate) async fn new(http: &Http) -> Self {
        http.post("/v1/executions", &json!({"kind": "agent", "name": "sample"})).await;
        let claim = json!({"runner": {"id": "runner-1", "host": "test", "pid": 7}, "wait": "30s"});
        let claimed = http.post("/v1/queues/agents/claim", &claim).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let lease = &claimed["leases"][0];
        Self { id: text(&lease["execution"]["id"]), lease: text(&lease["lease"]) }
    }

    /// Where it is a stream.
    pub(crate) fn stream(&self) -> String {
        format!("/v1/executions/{}/stream", self.id)
    }

    pub(crate) async fn say(&self, http: &Http, delta: &str) {
        let data = json!({"messageId": "m1", "delta": delta});
        let events = json!([{"type": "TEXT_MESSAGE_CONTENT", "data": data}]);
        let body = json!({"lease": self.lease, "events": events});
        http.post(&format!("/v1/executions/{}/events", self.id), &body).await;
    }

    pub(crate) async fn complete(&self, http: &Http) {
        let body = json!({"lease": self.lease, "output": {}});
        http.post(&format!("/v1/executions/{}/complete", self.id), &body).await;
    }
}
