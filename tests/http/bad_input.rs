//! Bad input, case by case: the right status and code, a pointer to the place, nothing changed,
//! nothing logged as an error (invariant I).

use serde_json::{Value, json};

use crate::{
    raw::{self, JSON},
    server::{Server, errors_logged},
};

/// What is there before any of it.
struct Scene {
    server: Server,
    /// Held under `lease`.
    held: String,
    lease: String,
    /// Completed under `old_lease`.
    over: String,
    old_lease: String,
    /// In its queue.
    queued: String,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start();
        let (over, old_lease) = server.completed().await;
        let (held, lease) = server.started().await;
        let queued = server.create(json!({"queue": "elsewhere"})).await;
        Self { server, held, lease, over, old_lease, queued }
    }

    /// Everything that a request could change.
    async fn all(&self) -> Value {
        let listed = self.server.get("/v1/executions?limit=100").await;
        let mut rows = listed["executions"].as_array().expect("rows").clone();
        // A heartbeat's deadline moves by itself with signs of life.
        rows.iter_mut().for_each(|row| row["deadline"] = Value::Null);
        Value::Array(rows)
    }
}

/// One request and what must come of it.
struct Case {
    method: &'static str,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    /// Empty where there is none.
    pointer: &'static str,
    /// Part of the message, or of the detail where there is no pointer.
    says: &'static str,
}

fn case(method: &'static str, path: impl Into<String>, body: impl AsRef<[u8]>) -> Case {
    let headers = if body.as_ref().is_empty() { vec![] } else { vec![JSON.to_owned()] };
    let (path, body) = (path.into(), body.as_ref().to_vec());
    Case { method, path, headers, body, status: 0, code: "", pointer: "", says: "" }
}

impl Case {
    fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    fn only_header(mut self, line: impl Into<String>) -> Self {
        self.headers = vec![line.into()];
        self
    }

    fn gives(
        mut self,
        status: u16,
        code: &'static str,
        pointer: &'static str,
        says: &'static str,
    ) -> Self {
        (self.status, self.code, self.pointer, self.says) = (status, code, pointer, says);
        self
    }
}

async fn check(scene: &Scene, cases: Vec<Case>) {
    let before = scene.all().await;
    for case in cases {
        let Case { method, path, headers, body, status, code, pointer, says } = case;
        let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
        let request = raw::request(scene.server.address, method, &path, &lines, &body);
        let shown = format!(
            "{method} {path} {headers:?} {}",
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
        let answer = raw::send(scene.server.address, &request).await;
        assert_eq!(answer.status, status, "{shown}\n{}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{shown}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{shown}\n{problem}");
        assert_eq!(problem["status"], status, "{shown}");
        assert_eq!(problem["type"], format!("urn:heartline:problem:{code}"), "{shown}");
        assert_eq!(problem["request_id"], answer.headers["x-request-id"].as_str(), "{shown}");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let said = if pointer.is_empty() {
            problem["detail"].as_str().unwrap_or_default().to_owned()
        } else {
            let error = errors.iter().find(|e| e["pointer"] == pointer);
            let error = error.unwrap_or_else(|| panic!("{shown}: no {pointer} in {problem}"));
            error["message"].as_str().unwrap_or_default().to_owned()
        };
        assert!(said.contains(says), "{shown}\n{said}");
        assert!(answer.body.len() < 8_192, "{shown}: an answer is never as long as an attack");
    }
    assert_eq!(scene.all().await, before, "nothing changed");
    assert_eq!(errors_logged(), 0, "a client's slip is not the server's error");
}

const CREATE: &str = "/v1/executions";

fn creations() -> Vec<Case> {
    let create = |body: &str| case("POST", CREATE, body);
    let deep = format!(
        "{{\"kind\":\"agent\",\"name\":\"n\",\"input\":{}{}}}",
        "[".repeat(70),
        "]".repeat(70)
    );
    let labels: Vec<String> = (0..65).map(|n| format!("\"l{n}\":\"v\"")).collect();
    let labels =
        format!("{{\"kind\":\"agent\",\"name\":\"n\",\"labels\":{{{}}}}}", labels.join(","));
    let long = format!("{{\"kind\":\"agent\",\"name\":\"{}\"}}", "n".repeat(257));
    let good = r#"{"kind":"agent","name":"n"}"#;
    vec![
        create("{").gives(400, "malformed_json", "", "line 1"),
        create("nonsense").gives(400, "malformed_json", "", "line 1"),
        create("{\"kind\":\"agent\",\"name\":\"n\"} x").gives(
            400,
            "malformed_json",
            "",
            "trailing",
        ),
        create("{\"kind\":\"agent\",\"name\":\"n\",}").gives(400, "malformed_json", "", "line 1"),
        case("POST", CREATE, b"{\"name\":\"\xff\xfe\"}").gives(400, "malformed_json", "", "UTF-8"),
        case("POST", CREATE, "").header(JSON).gives(400, "malformed_json", "", "empty"),
        create("[]").gives(422, "invalid", "", "array"),
        create(r#"["agent","n"]"#).gives(422, "invalid", "", "an object is expected"),
        create(r#"{"kind":"agent","name":"n","timeouts":["1m"]}"#).gives(
            422,
            "invalid",
            "/timeouts",
            "an object",
        ),
        create("{}").gives(422, "invalid", "/kind", "required"),
        create(r#"{"kind":"agent"}"#).gives(422, "invalid", "/name", "required"),
        create(r#"{"kind":"agent","nme":"n"}"#).gives(
            422,
            "invalid",
            "/nme",
            "did you mean \"name\"?",
        ),
        create(r#"{"kind":"agnt","name":"n"}"#).gives(
            422,
            "invalid",
            "/kind",
            "did you mean \"agent\"?",
        ),
        create(r#"{"kind":"agent","name":5}"#).gives(
            422,
            "invalid",
            "/name",
            "a string is expected",
        ),
        create(r#"{"kind":"agent","name":""}"#).gives(422, "invalid", "/name", "1 to 256"),
        create(&long).gives(422, "invalid", "/name", "1 to 256"),
        create(r#"{"kind":"agent","name":"a\u0007b"}"#).gives(422, "invalid", "/name", "control"),
        create(r#"{"kind":"agent","name":"n","name":"m"}"#).gives(422, "invalid", "/name", "twice"),
        create(r#"{"kind":"agent","name":"n","queue":"a b"}"#)
            .gives(422, "invalid", "/queue", "A-Z"),
        create(r#"{"kind":"agent","name":"n","priority":1.5}"#).gives(
            422,
            "invalid",
            "/priority",
            "integer",
        ),
        create(r#"{"kind":"agent","name":"n","priority":5000}"#).gives(
            422,
            "invalid",
            "/priority",
            "1000",
        ),
        create(r#"{"kind":"agent","name":"n","labels":{"a b":"v"}}"#).gives(
            422,
            "invalid",
            "/labels/a b",
            "label key",
        ),
        create(r#"{"kind":"agent","name":"n","labels":{"a:b":"v"}}"#).gives(
            422,
            "invalid",
            "/labels/a:b",
            "label key",
        ),
        create(r#"{"kind":"agent","name":"n","labels":{"a":1}}"#).gives(
            422,
            "invalid",
            "/labels/a",
            "a string",
        ),
        create(r#"{"kind":"agent","name":"n","labels":{"a":"1","a":"2"}}"#)
            .gives(422, "invalid", "/labels", "twice"),
        create(&labels).gives(422, "invalid", "/labels", "at most 64"),
        create(&deep).gives(422, "invalid", "", "64 levels"),
        create(r#"{"kind":"agent","name":"n","timeouts":{"heartbeat":"soon"}}"#).gives(
            422,
            "invalid",
            "/timeouts/heartbeat",
            "such as \"30s\"",
        ),
        create(r#"{"kind":"agent","name":"n","timeouts":{"heartbeat":30}}"#).gives(
            422,
            "invalid",
            "/timeouts/heartbeat",
            "string",
        ),
        create(r#"{"kind":"agent","name":"n","timeouts":{"hartbeat":"30s"}}"#).gives(
            422,
            "invalid",
            "/timeouts/hartbeat",
            "did you mean \"heartbeat\"?",
        ),
        create(r#"{"kind":"agent","name":"n","timeouts":{"schedule_to_start":null}}"#).gives(
            422,
            "invalid",
            "/timeouts/schedule_to_start",
            "must be set",
        ),
        create(r#"{"kind":"agent","name":"n","timeouts":{"heartbeat":"1ms"}}"#).gives(
            422,
            "invalid",
            "/timeouts/heartbeat",
            "between",
        ),
        create(r#"{"kind":"agent","name":"n","retry":{"max_attempts":0}}"#).gives(
            422,
            "invalid",
            "/retry/max_attempts",
            "between 1",
        ),
        create(r#"{"kind":"agent","name":"n","retry":{"max_attempts":-1}}"#).gives(
            422,
            "invalid",
            "/retry/max_attempts",
            "from 0",
        ),
        create(r#"{"kind":"agent","name":"n","start_at":"tomorrow"}"#).gives(
            422,
            "invalid",
            "/start_at",
            "",
        ),
        create(r#"{"kind":"agent","name":"n","delay":"5s","start_at":"2030-01-01T00:00:00Z"}"#)
            .gives(422, "invalid", "/delay", "one of them"),
        create(r#"{"kind":"agent","name":"n","delay":"9999999h"}"#)
            .gives(422, "invalid", "/delay", "at most"),
        create(r#"{"kind":"agent","name":"n","parent_id":"../x"}"#).gives(
            422,
            "invalid",
            "/parent_id",
            "execution id",
        ),
        create(good).only_header("Content-Type: text/plain").gives(
            415,
            "unsupported_media_type",
            "",
            "text/plain",
        ),
        create(good).only_header("").gives(415, "unsupported_media_type", "", "missing"),
        create(good).header("Content-Encoding: gzip").gives(
            415,
            "unsupported_media_type",
            "",
            "compressed",
        ),
        create(good).header(format!("Idempotency-Key: {}", "k".repeat(256))).gives(
            400,
            "invalid_header",
            "",
            "255",
        ),
        case("POST", "/v1/executions?dry_run=1", good).gives(
            400,
            "invalid_query",
            "?dry_run",
            "not a parameter",
        ),
        create("{").header("Content-Length: 99999999").gives(413, "body_too_large", "", "1048576"),
        case("POST", CREATE, format!("200000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x20_0000)))
            .header("Transfer-Encoding: chunked")
            .gives(413, "body_too_large", "", "1048576"),
    ]
}

#[tokio::test]
async fn a_bad_creation_creates_nothing() {
    check(&Scene::new().await, creations()).await;
}

#[tokio::test]
async fn a_bad_path_method_host_or_query_changes_nothing() {
    let scene = Scene::new().await;
    let nobody = "/v1/executions/aex_00000000000000000000000000000000";
    let mut cases = vec![];
    for odd in [
        "..",
        "%2e%2e",
        "%2e",
        "a%2Fb",
        "..%2f..%2fetc",
        "%00",
        "aex_%00",
        "aex_",
        "AEX_1",
        "x".repeat(300).as_str(),
    ] {
        let path = format!("/v1/executions/{odd}");
        cases.push(case("GET", path, "").gives(404, "execution_not_found", "", ""));
    }
    for (method, tail, body) in [
        ("GET", "", ""),
        ("GET", "/events", ""),
        ("GET", "/explain", ""),
        ("PATCH", "", "{}"),
        ("DELETE", "", ""),
        ("POST", "/cancel", "{}"),
        ("POST", "/resume", "{}"),
        ("POST", "/retry", "{}"),
    ] {
        cases.push(case(method, format!("{nobody}{tail}"), body).gives(
            404,
            "execution_not_found",
            "",
            "",
        ));
    }
    let held = format!("/v1/executions/{}", scene.held);
    cases.extend([
        case("GET", "/v1/nothing", "").gives(404, "route_not_found", "", "/v1/nothing"),
        case("GET", "//", "").gives(404, "route_not_found", "", ""),
        case("GET", "/v1/executions/", "").gives(404, "", "", ""),
        case("PUT", held.clone(), "{}").gives(
            405,
            "method_not_allowed",
            "",
            "GET, HEAD, PATCH, DELETE",
        ),
        case("POST", "/livez", "{}").gives(405, "method_not_allowed", "", "GET"),
        case("GET", "/v1/queues/agents/claim", "").gives(405, "method_not_allowed", "", "POST"),
        case("GET", "/v1/queues/a%20b", "").gives(400, "malformed_request", "", "a name is"),
        case("GET", "/v1/queues/nothing", "").gives(404, "queue_not_found", "", "nothing"),
        case("GET", "/v1/runners/nobody", "").gives(404, "runner_not_found", "", "nobody"),
        case("GET", "/v1/ws", "").gives(400, "not_a_websocket", "", "Upgrade"),
        case("GET", "/livez", "").header("Host: evil.example").gives(
            403,
            "host_not_allowed",
            "",
            "evil.example",
        ),
        case("GET", "/livez", "").header("Origin: http://evil.example").gives(
            403,
            "origin_not_allowed",
            "",
            "evil",
        ),
        case("GET", "/livez", "").header("Origin: null").gives(
            403,
            "origin_not_allowed",
            "",
            "null",
        ),
        case("GET", "http://evil.example/livez", "").gives(
            403,
            "host_not_allowed",
            "",
            "evil.example",
        ),
        case("GET", "/livez?x=1", "").gives(400, "invalid_query", "?x", ""),
        case("GET", "/v1/executions?phase=done", "").gives(
            400,
            "invalid_query",
            "?phase",
            "pending",
        ),
        case("GET", "/v1/executions?kind=robot", "").gives(400, "invalid_query", "?kind", "agent"),
        case("GET", "/v1/executions?limit=0", "").gives(400, "invalid_query", "?limit", "from 1"),
        case("GET", "/v1/executions?limit=5&limit=6", "").gives(
            400,
            "invalid_query",
            "?limit",
            "twice",
        ),
        case("GET", "/v1/executions?cursor=zzz", "").gives(
            400,
            "invalid_query",
            "?cursor",
            "cursor",
        ),
        case("GET", "/v1/executions?since=yesterday", "").gives(400, "invalid_query", "?since", ""),
        case("GET", "/v1/executions?label=novalue", "").gives(
            400,
            "invalid_query",
            "?label",
            "colon",
        ),
        case("GET", "/v1/executions?quue=a", "").gives(
            400,
            "invalid_query",
            "?quue",
            "did you mean \"queue\"?",
        ),
        case("GET", "/v1/executions?name=%ff", "").gives(400, "invalid_query", "?name", "UTF-8"),
        case("GET", format!("{held}/events?after=-1"), "").gives(
            400,
            "invalid_query",
            "?after",
            "whole number",
        ),
        case("GET", format!("{held}/events?after=1e3"), "").gives(
            400,
            "invalid_query",
            "?after",
            "whole number",
        ),
        case("GET", format!("{held}/events?view=ful"), "").gives(
            400,
            "invalid_query",
            "?view",
            "did you mean \"full\"?",
        ),
        case("GET", format!("{held}/events?wait=soon"), "").gives(
            400,
            "invalid_query",
            "?wait",
            "such as",
        ),
        case("GET", format!("{held}/events?snapshot=true"), "").gives(
            400,
            "invalid_query",
            "?snapshot",
            "streams",
        ),
        case("GET", format!("{held}/events"), "").header("Accept: text/html").gives(
            406,
            "not_acceptable",
            "",
            "",
        ),
        case("GET", format!("{held}/events"), "")
            .header("Accept: text/event-stream")
            .header("Last-Event-ID: x")
            .gives(400, "invalid_header", "", "seq"),
    ]);
    // A path that ends with a slash is some other path.
    cases
        .iter_mut()
        .filter(|c| c.path == "/v1/executions/")
        .for_each(|c| c.code = "route_not_found");
    check(&scene, cases).await;
}

#[tokio::test]
async fn a_bad_call_of_a_runner_changes_nothing() {
    let scene = Scene::new().await;
    let Scene { held, lease, over, old_lease, queued, .. } = &scene;
    let at = |id: &str, tail: &str| format!("/v1/executions/{id}/{tail}");
    let text = r#"{"type":"TEXT_MESSAGE_CONTENT","data":{"messageId":"m","delta":"d"}}"#;
    let post = |lease: &str, events: &str| {
        let body = format!("{{\"lease\":\"{lease}\",\"batch\":1,\"events\":[{events}]}}");
        case("POST", at(held, "events"), body)
    };
    let stale = "0123456789abcdef0123456789abcdef";
    let with = |tail: &str, rest: &str| {
        case("POST", at(held, tail), format!("{{\"lease\":\"{lease}\"{rest}}}"))
    };
    let large = format!(
        r#"{{"type":"TEXT_MESSAGE_CONTENT","data":{{"messageId":"m","delta":"{}"}}}}"#,
        "x".repeat(262_144)
    );
    let many = vec![text; 1001].join(",");
    let claim = |body: &str| case("POST", "/v1/queues/agents/claim", body);
    let mut cases = vec![
        post(stale, text).gives(409, "lease_superseded", "", "runner-1"),
        post("short", text).gives(422, "invalid", "/lease", "32 lower-case"),
        post(lease, "").gives(422, "invalid", "/events", "0 events"),
        post(lease, &many).gives(422, "invalid", "/events", "1001 events"),
        post(lease, &format!("{text},{large}")).gives(413, "body_too_large", "/events/1/data", "262144"),
        post(lease, r#"{"type":"TEXT_MESSAGE_CONTNT","data":{}}"#)
            .gives(422, "invalid", "/events/0/type", "did you mean TEXT_MESSAGE_CONTENT?"),
        post(lease, r#"{"type":"RUN_STARTED","data":{}}"#).gives(422, "invalid", "/events/0/type", "claim"),
        post(lease, r#"{"type":"execution.completed","data":{}}"#).gives(422, "invalid", "/events/0/type", "server only"),
        post(lease, &format!("{text},{text},{text},{{\"type\":\"TEXT_MESSAGE_CONTENT\",\"data\":{{\"delta\":\"d\"}}}}"))
            .gives(422, "invalid", "/events/3/data/messageId", "required"),
        post(lease, r#"{"type":"TEXT_MESSAGE_CONTENT","data":[]}"#).gives(422, "invalid", "/events/0/data", "object"),
        post(lease, r#"{"type":"TEXT_MESSAGE_CONTENT"}"#).gives(422, "invalid", "/events/0/data", "required"),
        post(lease, r#"{"type":"CUSTOM","dta":{},"data":{}}"#).gives(422, "invalid", "/events/0/dta", "did you mean \"data\"?"),
        post(lease, r#"{"type":5,"data":{}}"#).gives(422, "invalid", "/events/0/type", "string"),
        case("POST", at(held, "events"), format!("{{\"lease\":\"{lease}\",\"batch\":-1,\"events\":[{text}]}}"))
            .gives(422, "invalid", "/batch", "from 0"),
        case("POST", at(held, "events"), format!("{{\"lease\":\"{lease}\",\"batch\":9007199254740992,\"events\":[{text}]}}"))
            .gives(422, "invalid", "/batch", "9007199254740991"),
        case("POST", at(over, "events"), format!("{{\"lease\":\"{old_lease}\",\"events\":[{text}]}}"))
            .gives(409, "lease_superseded", "", "completed"),
        case("POST", at(over, "fail"), format!("{{\"lease\":\"{old_lease}\",\"error\":{{\"message\":\"m\"}}}}"))
            .gives(409, "lease_superseded", "", "completed"),
        case("POST", at(queued, "complete"), format!("{{\"lease\":\"{lease}\"}}"))
            .gives(409, "lease_superseded", "", "pending"),
        with("heartbeat", r#","progress":{"fraction":2}"#).gives(422, "invalid", "/progress/fraction", "within 0 and 1"),
        with("heartbeat", r#","progress":{"fracton":1}"#).gives(422, "invalid", "/progress/fracton", "did you mean"),
        with("fail", "").gives(422, "invalid", "/error", "required"),
        with("fail", r#","error":{"code":"c"}"#).gives(422, "invalid", "/error/message", "required"),
        with("fail", r#","error":{"message":"m","retryable":"yes"}"#).gives(422, "invalid", "/error/retryable", "true or false"),
        with("wait", r#","schema":{"type":"nonsense"}"#).gives(422, "invalid", "/schema", "JSON Schema"),
        with("wait", r#","schema":{"$ref":"https://example.org/s"}"#).gives(422, "invalid", "/schema", ""),
        with("wait", r#","batch":9007199254740992"#).gives(422, "invalid", "/batch", "9007199254740991"),
        with("wait", r#","timeout":"0s""#).gives(422, "invalid", "/timeout", "between"),
        with("cancel_acknowledged", "").gives(409, "not_cancelling", "", "no cancellation"),
        with("cancelled", "").gives(409, "not_cancelling", "", "no cancellation"),
        with("complete", r#","outptu":1"#).gives(422, "invalid", "/outptu", "did you mean \"output\"?"),
        claim("{}").gives(422, "invalid", "/runner", "required"),
        claim(r#"{"runner":{}}"#).gives(422, "invalid", "/runner/id", "required"),
        claim(r#"{"runner":{"id":"a b"}}"#).gives(422, "invalid", "/runner/id", "A-Z"),
        claim(r#"{"runner":{"id":"r"},"slots":0}"#).gives(422, "invalid", "/slots", "from 1"),
        claim(r#"{"runner":{"id":"r"},"wait":"long"}"#).gives(422, "invalid", "/wait", "such as"),
        claim(&format!(r#"{{"runner":{{"id":"r","host":"{}"}}}}"#, "h".repeat(257))).gives(422, "invalid", "/runner/host", "256"),
        case("POST", "/v1/queues/a%2Fb/claim", r#"{"runner":{"id":"r"}}"#).gives(400, "malformed_request", "", "a name is"),
    ];
    for tail in
        ["events", "heartbeat", "complete", "fail", "wait", "cancel_acknowledged", "cancelled"]
    {
        cases.push(case("POST", at(held, tail), "{").gives(400, "malformed_json", "", ""));
        cases.push(case("POST", at(held, tail), "{}").gives(422, "invalid", "/lease", "required"));
        cases.push(
            case("POST", at(held, tail), "{}").only_header("Content-Type: text/plain").gives(
                415,
                "unsupported_media_type",
                "",
                "",
            ),
        );
    }
    check(&scene, cases).await;
}

#[tokio::test]
async fn a_bad_call_of_a_person_changes_nothing() {
    let scene = Scene::new().await;
    let at = |id: &str, tail: &str| format!("/v1/executions/{id}{tail}");
    let Scene { held, over, queued, .. } = &scene;
    let cases = vec![
        case("POST", at(held, "/resume"), "{}").gives(409, "not_waiting", "", "in_progress"),
        case("POST", at(held, "/resume"), r#"{"question":2}"#).gives(
            409,
            "not_waiting",
            "",
            "in_progress",
        ),
        case("POST", at(held, "/resume"), r#"{"question":"2"}"#).gives(
            422,
            "invalid",
            "/question",
            "an integer",
        ),
        case("POST", at(over, "/resume"), "{}").gives(409, "execution_terminal", "", "completed"),
        case("POST", at(over, "/cancel"), "").gives(409, "execution_terminal", "", "completed"),
        case("POST", at(held, "/cancel"), r#"{"grace":"x"}"#)
            .gives(422, "invalid", "/grace", "such as"),
        case("POST", at(held, "/cancel"), r#"{"grace":"999999h"}"#)
            .gives(422, "invalid", "/grace", "at most"),
        case("POST", at(held, "/cancel"), r#"{"resaon":"x"}"#).gives(
            422,
            "invalid",
            "/resaon",
            "did you mean \"reason\"?",
        ),
        case("POST", at(held, "/cancel"), "reason").only_header("Content-Type: text/plain").gives(
            415,
            "unsupported_media_type",
            "",
            "",
        ),
        case("POST", at(held, "/retry"), "").gives(409, "not_terminal", "", "in_progress"),
        case("POST", at(over, "/retry"), r#"{"x":1}"#).gives(
            422,
            "invalid",
            "/x",
            "not a known field",
        ),
        case("DELETE", at(held, ""), "").gives(409, "not_terminal", "", "in_progress"),
        case("DELETE", at(queued, ""), "").gives(409, "not_terminal", "", "pending"),
        case("PATCH", at(over, ""), r#"{"priority":1}"#).gives(
            409,
            "execution_terminal",
            "",
            "completed",
        ),
        case("PATCH", at(queued, ""), r#"{"priority":1}"#).header("If-Match: \"99\"").gives(
            412,
            "precondition_failed",
            "",
            "ends at 1",
        ),
        case("PATCH", at(queued, ""), r#"{"priority":1}"#).header("If-Match: x").gives(
            400,
            "invalid_header",
            "",
            "ETag",
        ),
        case("PATCH", at(queued, ""), r#"{"priority":9999}"#).gives(
            422,
            "invalid",
            "/priority",
            "1000",
        ),
        case("PATCH", at(queued, ""), r#"{"phase":"completed"}"#).gives(
            422,
            "invalid",
            "/phase",
            "not a known field",
        ),
        case("PATCH", at(queued, ""), r#"{"timeouts":{"heartbeat":null}}"#).gives(
            422,
            "invalid",
            "/timeouts/heartbeat",
            "must be set",
        ),
        case("PATCH", at(queued, ""), r#"{"timeouts":{"start_to_close":"0s"}}"#).gives(
            422,
            "invalid",
            "/timeouts/start_to_close",
            "between",
        ),
        case("PATCH", at(queued, ""), r#"{"labels":{"k":"line\nbreak"}}"#).gives(
            422,
            "invalid",
            "/labels/k",
            "control",
        ),
    ];
    check(&scene, cases).await;
}

#[tokio::test]
async fn a_body_that_is_much_too_large_is_answered_before_the_connection_ends() {
    let server = Server::start();
    let body = vec![b' '; 4 << 20];
    for _ in 0..5 {
        let request = raw::request(server.address, "POST", "/v1/executions", &[raw::JSON], &body);
        assert_eq!(raw::send(server.address, &request).await.status, 413);
    }
}
