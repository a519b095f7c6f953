//! The server's frames, held against what `/asyncapi.json` says of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::Server;

/// What `/asyncapi.json` says of the server's frames, by their `op`.
pub(crate) struct Frames(BTreeMap<String, Vec<jsonschema::Validator>>);

impl Frames {
    /// Of an operation of the document.
    pub(crate) async fn described(server: &Server, operation: &str) -> Self {
        let document = server.get("/asyncapi.json").await;
        let mut frames = BTreeMap::<_, Vec<_>>::new();
        for message in document["operations"][operation]["messages"].as_array().expect("messages") {
            let path = |value: &Value| value["$ref"].as_str().expect("a $ref")[1..].to_owned();
            let named = document.pointer(&path(message)).expect("in the channel");
            let message = document.pointer(&path(named)).expect("a component");
            let mut schema =
                document.pointer(&path(&message["payload"])).expect("a schema").clone();
            schema["additionalProperties"] = json!(false);
            schema["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            let op = message["name"].as_str().expect("an op").to_owned();
            frames.entry(op).or_default().push(validator);
        }
        Self(frames)
    }

    /// Whatever the server says must be as described.
    pub(crate) fn check(&self, frame: &Value) {
        let op = frame["op"].as_str().expect("an op");
        let of_op = self.0.get(op).unwrap_or_else(|| panic!("{op} is not described"));
        if !of_op.iter().any(|described| described.is_valid(frame)) {
            let errors = of_op.iter().flat_map(|described| described.iter_errors(frame));
            let errors: Vec<_> = errors.map(|error| error.to_string()).collect();
            panic!("{frame} is not as described: {errors:?}");
        }
    }
}
