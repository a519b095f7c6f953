//! Every route, used as it is meant.

use serde_json::{Value, json};

use crate::{
    raw::{self, JSON},
    server::Server,
};

#[tokio::test]
async fn an_execution_is_created_worked_on_and_completed() {
    let server = Server::start();
    let body = json!({
        "kind": "agent", "name": "summarise", "input": {"a": [1, 2.5, "x"]}, "labels": {"team": "x"},
        "priority": 3, "timeouts": {"heartbeat": "1m30s", "start_to_close": "10m"}, "retry": {"max_attempts": 2}
    });
    let request = raw::request(
        server.address,
        "POST",
        "/v1/executions",
        &[
            JSON,
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "X-Request-Id: mine-1",
        ],
        body.to_string().as_bytes(),
    );
    let answer = raw::send(server.address, &request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    let created = answer.json();
    let id = created["execution"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/v1/executions/{id}"));
    assert_eq!(created["execution"]["phase"], "pending");
    assert_eq!(created["execution"]["input"], body["input"]);
    assert_eq!(created["execution"]["timeouts"]["heartbeat"], "1m30s");
    assert_eq!(created["dispatch"]["verdict"], "no_runner_ever");
    let (claimed, lease) = server.claim("agents").await;
    assert_eq!(claimed, id);
    assert_eq!(server.say(&id, &lease, "hel").await, 3);
    let path = format!("/v1/executions/{id}");
    let beat = server
        .post(
            &format!("{path}/heartbeat"),
            &json!({"lease": lease, "progress": {"fraction": 0.5, "message": "half"}}),
            200,
        )
        .await;
    assert_eq!(beat["cancel_requested"], false);
    assert!(beat["deadline"].as_str().unwrap().ends_with('Z'));
    let done = server
        .post(&format!("{path}/complete"), &json!({"lease": lease, "output": {"n": 1}}), 200)
        .await;
    assert_eq!(
        server.post(&format!("{path}/complete"), &json!({"lease": lease}), 200).await,
        done,
        "told again"
    );
    let shown = server.get(&path).await;
    assert_eq!((&shown["phase"], &shown["output"]), (&json!("completed"), &json!({"n": 1})));
    assert_eq!(shown["state"]["messages"]["m1"]["content"], "hel");
    assert_eq!(shown["progress"]["message"], "half");
    assert_eq!(server.get(&format!("{path}/explain")).await["cause"], "completed");
    let created = server.get(&format!("{path}/events?limit=1")).await;
    assert_eq!(
        created["events"][0]["data"]["traceparent"],
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    );
}

#[tokio::test]
async fn a_repeated_batch_appends_nothing_and_is_answered_as_before() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}/events");
    let batch = |number: u64| json!({"lease": lease, "batch": number, "events": [{"type": "CUSTOM", "data": {"name": "n", "value": number}}]});
    let first = server.post(&path, &batch(7), 200).await;
    let second = server.post(&path, &batch(9), 200).await;
    assert_eq!(server.post(&path, &batch(7), 200).await, first);
    assert_eq!(server.post(&path, &batch(9), 200).await, second);
    assert_eq!(server.seq(&id).await, 4);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_execution_however_the_body_is_spelled() {
    let server = Server::start();
    let create = async |body: &str| {
        let headers = [JSON, "Idempotency-Key: key-1"];
        raw::send(
            server.address,
            &raw::request(server.address, "POST", "/v1/executions", &headers, body.as_bytes()),
        )
        .await
    };
    let first = create(r#"{"kind":"agent","name":"n"}"#).await;
    let again = create("{ \"name\" : \"n\",\n\"kind\":\"agent\" }").await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["execution"]["id"], again.json()["execution"]["id"]);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = create(r#"{"kind":"agent","name":"m"}"#).await;
    assert_eq!(
        (other.status, other.json()["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
}

#[tokio::test]
async fn lists_filter_and_go_on_by_cursor() {
    let server = Server::start();
    let mut ids = Vec::new();
    for n in 0..5 {
        let queue = if n < 2 { "left" } else { "right" };
        ids.push(server.create(json!({"name": format!("n{n}"), "queue": queue, "labels": {"n": n.to_string()}})).await);
    }
    ids.reverse();
    let listed = async |query: &str| -> (Vec<String>, Value) {
        let page = server.get(&format!("/v1/executions?{query}")).await;
        let ids = page["executions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["id"].as_str().unwrap().to_owned());
        (ids.collect(), page["next_cursor"].clone())
    };
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let (page, next) = listed(&query).await;
        seen.extend(page);
        let Some(cursor) = next.as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ids, "newest first");
    assert_eq!(listed("queue=left").await.0.len(), 2);
    assert_eq!(listed("label=n:3").await.0, [ids[1].clone()]);
    assert_eq!(listed("name=n4&phase=pending&kind=agent").await.0, [ids[0].clone()]);
    assert_eq!(listed(&format!("id_prefix={}", ids[2])).await.0, [ids[2].clone()]);
    assert!(listed("reason=runner_lost").await.0.is_empty());
    assert!(listed("until=2001-01-01T00:00:00Z").await.0.is_empty());
    assert_eq!(listed("since=2001-01-01T00:00:00Z").await.0.len(), 5);
}

#[tokio::test]
async fn an_execution_is_updated_under_its_etag_and_purged_once_it_is_over() {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let path = format!("/v1/executions/{id}");
    let shown = raw::get(server.address, &path).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    let headers = [JSON, "If-Match: \"1\""];
    let body = br#"{"priority":9,"labels":{"a":"b"},"timeouts":{"start_to_close":"5m"}}"#;
    let updated =
        raw::send(server.address, &raw::request(server.address, "PATCH", &path, &headers, body))
            .await;
    assert_eq!((updated.status, &*updated.headers["etag"]), (200, "\"2\""));
    assert_eq!(updated.json()["timeouts"]["start_to_close"], "5m");
    for (known, status) in [
        ("\"2\"", 304),
        ("W/\"2\"", 304),
        ("\"1\", W/\"2\"", 304),
        ("\"1\",\"2\"", 304),
        ("*", 304),
        ("\"1\"", 200),
        ("\"1\", \"22\"", 200),
        ("2", 200),
    ] {
        let header = format!("If-None-Match: {known}");
        let unchanged = raw::request(server.address, "GET", &path, &[&header], b"");
        let answer = raw::send(server.address, &unchanged).await;
        assert_eq!((answer.status, &*answer.headers["etag"]), (status, "\"2\""), "{known}");
        assert_eq!(answer.body.is_empty(), status == 304, "{known}");
    }
    let document = server.get("/openapi.json").await;
    let parameters = &document["paths"]["/v1/executions/{id}"]["get"]["parameters"];
    let mut parameters = parameters.as_array().expect("parameters").iter();
    assert!(parameters.any(|parameter| parameter["name"] == "If-None-Match"));
    let done = server.post(&format!("{path}/cancel"), &json!({"reason": "no longer"}), 200).await;
    assert_eq!(done["cancel_requested"], true);
    assert_eq!(server.get(&path).await["phase"], "cancelled");
    let retried = server.post(&format!("{path}/retry"), &json!({}), 201).await;
    assert_eq!(retried["execution"]["retry_of"], id.as_str());
    let again = server.get(&format!("/v1/executions?retry_of={id}")).await;
    assert_eq!(again["executions"].as_array().map(Vec::len), Some(1));
    assert_eq!(again["executions"][0]["id"], retried["execution"]["id"]);
    let purge = raw::request(server.address, "DELETE", &path, &[], b"");
    assert_eq!(raw::send(server.address, &purge).await.status, 204);
    assert_eq!(raw::get(server.address, &path).await.status, 404);
}

#[tokio::test]
async fn a_person_answers_a_question_that_has_a_schema() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    let schema = json!({"type": "object", "required": ["approved"], "properties": {"approved": {"type": "boolean"}}});
    server
        .post(
            &format!("{path}/wait"),
            &json!({"lease": lease, "prompt": "Send it?", "schema": schema}),
            200,
        )
        .await;
    assert_eq!(server.get(&format!("{path}/explain")).await["cause"], "waiting_for_input");
    for (input, pointer) in [
        (json!({"approved": 1}), "/input/approved"),
        (json!([]), "/input"),
        (Value::Null, "/input"),
    ] {
        let refused = server.post(&format!("{path}/resume"), &json!({"input": input}), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    assert_eq!(server.get(&path).await["phase"], "waiting");
    server.post(&format!("{path}/resume"), &json!({"input": {"approved": true}}), 200).await;
    let shown = server.get(&path).await;
    assert_eq!(
        (&shown["phase"], &shown["answer"]),
        (&json!("in_progress"), &json!({"approved": true}))
    );
}

#[tokio::test]
async fn a_question_is_asked_once_and_an_answer_is_for_the_question_it_names() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    let (wait, resume) = (format!("{path}/wait"), format!("{path}/resume"));
    let ask = |batch: u64, prompt: &str| json!({"lease": lease, "batch": batch, "prompt": prompt});
    let first = server.post(&wait, &ask(1, "Send it?"), 200).await;
    assert_eq!(server.post(&wait, &ask(1, "Send it?"), 200).await, first);
    let unnumbered = json!({"lease": lease, "prompt": "Send it?"});
    assert_eq!(server.post(&wait, &unnumbered, 200).await, first);
    let another = json!({"lease": lease, "prompt": "Delete it?"});
    server.post(&wait, &another, 422).await;
    assert_eq!(server.get(&path).await["waiting"]["seq"], first["seq"]);
    let named = |question: &Value| json!({"input": true, "question": question});
    server.post(&resume, &named(&first["seq"]), 200).await;
    // The runner missed the answer to its call: it does not ask again.
    assert_eq!(server.post(&wait, &ask(1, "Send it?"), 200).await, first);
    assert_eq!(server.get(&path).await["phase"], "in_progress");
    let second = server.post(&wait, &ask(2, "Delete it?"), 200).await;
    let refused = server.post(&resume, &named(&first["seq"]), 412).await;
    assert_eq!(refused["code"], "precondition_failed");
    assert!(refused["detail"].as_str().unwrap().contains("open question"), "{refused}");
    assert_eq!(server.get(&path).await["phase"], "waiting");
    server.post(&resume, &named(&second["seq"]), 200).await;
    server.post(&wait, &ask(3, "And now?"), 200).await;
    server.post(&resume, &json!({"input": true}), 200).await;
}

#[tokio::test]
async fn an_answer_to_a_question_that_is_gone_is_not_judged_by_the_schema_of_the_next() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    let schema = json!({"type": "boolean"});
    let question = json!({"lease": lease, "prompt": "Send it?", "schema": schema});
    server.post(&format!("{path}/wait"), &question, 200).await;
    let answer = json!({"input": "none of these", "question": 1});
    let refused = server.post(&format!("{path}/resume"), &answer, 412).await;
    assert_eq!(refused["code"], "precondition_failed");
}

/// The names of the lifecycle events from the request of a cancellation on.
async fn stages(server: &Server, path: &str) -> Vec<String> {
    let page = server.get(&format!("{path}/events?view=status")).await;
    let types = page["events"].as_array().expect("events").iter().map(|event| {
        event["type"].as_str().expect("a type").trim_start_matches("execution.").to_owned()
    });
    types.skip_while(|name| name != "cancel_requested").collect()
}

async fn explained(server: &Server, path: &str) -> (String, String) {
    let told = server.get(&format!("{path}/explain")).await;
    let evidence = told["evidence"].as_array().expect("evidence").iter();
    let evidence: Vec<_> = evidence.map(|line| line.as_str().expect("a sentence")).collect();
    (told["cause"].as_str().expect("a cause").to_owned(), evidence.join(" "))
}

#[tokio::test]
async fn each_stage_of_a_cancellation_is_an_event_and_is_shown() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    let call = async |name: &str| {
        let path = format!("{path}/{name}");
        server.post(&path, &json!({"lease": lease}), 200).await
    };
    server.post(&format!("{path}/cancel"), &json!({"grace": "1m"}), 200).await;
    assert!(explained(&server, &path).await.1.contains("not delivered yet"));
    assert_eq!(call("heartbeat").await["cancel_requested"], true);
    assert!(explained(&server, &path).await.1.contains("delivered at"));
    let shown = server.get(&path).await["cancel"].clone();
    assert!(shown["delivered_at"].is_string() && shown["acknowledged_at"].is_null(), "{shown}");

    let done = call("cancel_acknowledged").await;
    assert_eq!((&done["seq"], &done["cancel_requested"]), (&json!(5), &json!(true)));
    assert_eq!(call("cancel_acknowledged").await, done, "asked again");
    let (cause, evidence) = explained(&server, &path).await;
    assert!(cause == "cancelling" && evidence.contains("acknowledged at"), "{cause}: {evidence}");
    assert!(server.get(&path).await["cancel"]["acknowledged_at"].is_string());

    call("cancelled").await;
    let requested = ["cancel_requested", "cancel_delivered", "cancel_acknowledged", "cancelled"];
    assert_eq!(stages(&server, &path).await, requested);
    let shown = server.get(&path).await;
    assert_eq!(
        (&shown["phase"], &shown["reason"], &shown["cancel"]["forced_at"]),
        (&json!("cancelled"), &json!("cancel_requested"), &Value::Null)
    );
}

#[tokio::test]
async fn whoever_acknowledges_a_cancellation_was_told_of_it() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    server.post(&format!("{path}/cancel"), &json!({"grace": "50ms"}), 200).await;
    let lease = json!({"lease": lease});
    server.post(&format!("{path}/cancel_acknowledged"), &lease, 200).await;
    // It says so and does not stop.
    let forced = server.get(&format!("{path}/events?after=5&wait=20s")).await;
    assert_eq!(forced["events"][0]["data"]["reason"], "cancel_timeout");
    let told = ["cancel_requested", "cancel_delivered", "cancel_acknowledged", "cancelled"];
    assert_eq!(stages(&server, &path).await, told);
    assert!(server.get(&path).await["cancel"]["forced_at"].is_string());
    assert!(explained(&server, &path).await.1.contains("forced at"));
}

#[tokio::test]
async fn a_runner_tells_its_failure() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let error = json!({"code": "model_error", "message": "The model refused.", "detail": "line 1\nline 2", "retryable": false});
    server
        .post(&format!("/v1/executions/{id}/fail"), &json!({"lease": lease, "error": error}), 200)
        .await;
    let shown = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!(
        (&shown["phase"], &shown["error"]["detail"]),
        (&json!("failed"), &json!("line 1\nline 2"))
    );
}

#[tokio::test]
async fn operators_see_queues_runners_figures_and_the_description() {
    let server = Server::start();
    server.create(json!({"queue": "quiet"})).await;
    let (held, _) = server.started().await;
    let queues = server.get("/v1/queues").await;
    assert_eq!(queues["queues"].as_array().unwrap().len(), 2, "{queues}");
    assert_eq!(server.get("/v1/queues/quiet").await["depth"], 1);
    assert_eq!(server.get("/v1/runners").await["runners"][0]["id"], "runner-1");
    assert_eq!(server.get("/v1/runners/runner-1").await["leases"][0], held.as_str());
    let supervisor = server.get("/v1/supervisor").await;
    assert_eq!(
        (&supervisor["store"]["healthy"], &supervisor["executions"]["in_progress"]),
        (&json!(true), &json!(1))
    );
    for path in ["/livez", "/readyz"] {
        assert_eq!(raw::get(server.address, path).await.status, 200);
    }
    let metrics = raw::get(server.address, "/metrics").await.text();
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for line in [
        "heartline_ready 1.0",
        "heartline_http_requests_total{route=\"/v1/queues/{queue}/claim\",status=\"2xx\"} 1",
        "heartline_executions_live{name=\"in_progress\"} 1.0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
    let description = server.get("/openapi.json").await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    // All that is described is there: no path answers that there is no such route.
    for (path, methods) in description["paths"].as_object().unwrap() {
        let path = path.replace("{id}", &held).replace("{queue}", "quiet");
        // A protocol that others extend passes over what it does not know.
        let query = if path.ends_with("/stream") { "live=nonsense" } else { "nonsense=1" };
        for method in methods.as_object().unwrap().keys() {
            let request = raw::request(
                server.address,
                &method.to_uppercase(),
                &format!("{path}?{query}"),
                &[],
                b"",
            );
            let answer = raw::send(server.address, &request).await;
            if method == "head" {
                assert_eq!(answer.status, 200, "{path}");
                continue;
            }
            assert_eq!(answer.json()["code"], "invalid_query", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_runs_nothing_that_is_inline_and_is_framed_by_nobody() {
    let server = Server::start();
    let page = raw::get(server.address, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
    let text = page.text();
    let built = text.contains("/assets/");
    assert!(built || text.contains("built without its dashboard"), "{text}");
    assert!(!text.contains("<style") && !text.contains("style=") && !text.contains("<script>"));
    for other in ["/executions/aex_1", "/queues", "/queues/q", "/runners/r", "/supervisor?x=1"] {
        assert_eq!(raw::get(server.address, other).await.text(), text, "{other}");
    }
    let missing = raw::get(server.address, "/assets/none.js").await;
    assert_eq!((missing.status, &missing.json()["code"]), (404, &json!("route_not_found")));
    let script = text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    if let Some(script) = script {
        let headers = ["accept-encoding: br, gzip"];
        let request = raw::request(server.address, "GET", script, &headers, b"");
        let script = raw::send(server.address, &request).await;
        assert_eq!(script.headers["content-encoding"], "br");
        assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
        assert!(script.headers["cache-control"].contains("immutable"));
    }
    let head =
        raw::send(server.address, &raw::request(server.address, "HEAD", "/", &[], b"")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
