//! `heartline create`: an execution for a runner to take, and who could take it.

use std::io::Read as _;

use heartline_execution::{
    Kind, Name, Span, Timestamp,
    spec::{LABEL_KEY, is_label_key},
};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Global,
    client::{Answer, Client, Error as ClientError, persist},
    error::Error,
    exit::Exit,
    output::{self, Format, Tone, paint, span},
    sanitise,
    show::Screen,
    watch::Watch,
    wire::Created,
};

/// How long a creation is repeated under its key while the server is overloaded or restarts.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The variable that a W3C trace context goes from process to process by.
pub(crate) const TRACEPARENT: &str = "TRACEPARENT";

/// Create an execution for a runner to take.
///
/// It belongs to the W3C trace context in TRACEPARENT, where that is set.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Agent or workflow.
    #[arg(long, value_parser = kind, default_value = "agent")]
    kind: Kind,
    /// What the runner shall run.
    #[arg(long)]
    name: String,
    /// The queue; else that of the kind.
    #[arg(long)]
    queue: Option<Name>,
    /// Input as JSON; @FILE reads a file, - standard input.
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// A label; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Higher goes first.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Executions with the same key share a limit.
    #[arg(long, value_name = "KEY")]
    concurrency_key: Option<Name>,
    /// Attempts after the first.
    #[arg(long, default_value_t = 0, value_name = "N")]
    retries: u32,
    /// Wait before the second attempt.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    initial_backoff: Option<Span>,
    /// No wait between attempts is longer.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    max_backoff: Option<Span>,
    #[command(flatten)]
    timeouts: Timeouts,
    /// Not before this much time has passed.
    #[arg(long, value_parser = span, value_name = "SPAN", conflicts_with = "start_at")]
    delay: Option<Span>,
    /// Not before this instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    start_at: Option<Timestamp>,
    /// The execution that this one is part of.
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Repeating the same request under the same key creates nothing new.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow it.
    #[arg(long)]
    watch: bool,
}

/// The timeouts of an execution.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Timeouts")]
struct Timeouts {
    /// Due in its queue until a runner takes it.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    schedule_to_start: Option<Span>,
    /// Between two signs of life.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    heartbeat: Option<Span>,
    /// One attempt.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    start_to_close: Option<Span>,
    /// All attempts and the waits between them.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    schedule_to_close: Option<Span>,
    /// Between two events or reports of progress.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    progress: Option<Span>,
    /// For a person's answer.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    waiting: Option<Span>,
    /// From a cancellation to its end.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    cancel: Option<Span>,
}

pub(crate) async fn create(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let parent = match &args.parent {
        Some(parent) => Some(client.resolve(parent).await?),
        None => None,
    };
    let request = Request::from(args)?.set("parent_id", parent);
    let answer = request.send(&client, args.idempotency_key.as_deref()).await?;
    let created: Created = answer.parse(&client)?;
    match global.output {
        Format::Table => tell(&created)?,
        // The events that follow are a stream of their own.
        _ if args.watch => {}
        format => output::json(format, &answer.body)?,
    }
    if !args.watch {
        return Ok(Exit::OK);
    }
    let mut screen = Screen::new(global.output);
    let over = Watch::whole(&client).until_over(&created.execution.id, &mut screen).await?;
    Ok(Exit::of(&over))
}

fn tell(created: &Created) -> Result<(), Error> {
    let Created { execution, dispatch } = created;
    let ready = dispatch.verdict == "ready";
    let verdict = paint(&dispatch.verdict, if ready { Tone::Good } else { Tone::Warn });
    output::line(&format!("created   {}", execution.id))?;
    output::line(&format!("queue     {}", execution.queue))?;
    output::line(&format!("dispatch  {verdict}: {}", sanitise::line(&dispatch.message)))
}

/// The body of a creation, field by field: what is not said is the server's default.
#[derive(Debug, Default)]
pub(crate) struct Request {
    fields: Map<String, Value>,
    /// Byte for byte as given.
    input: Option<Box<RawValue>>,
}

impl Request {
    fn from(args: &Args) -> Result<Self, Error> {
        let mut request = Request::default()
            .set("kind", Some(args.kind.as_str()))
            .set("name", Some(args.name.as_str()))
            .set("queue", args.queue.as_ref().map(Name::as_str))
            .set("priority", Some(args.priority))
            .set("concurrency_key", args.concurrency_key.as_ref().map(Name::as_str))
            .set("delay", args.delay.map(|span| span.to_string()))
            .set("start_at", args.start_at.map(|at| at.to_string()))
            .labels(&args.labels)
            .within("retry", "max_attempts", Some(args.retries.saturating_add(1)))
            .within("retry", "initial_backoff", args.initial_backoff.map(|span| span.to_string()))
            .within("retry", "max_backoff", args.max_backoff.map(|span| span.to_string()));
        for (name, span) in args.timeouts.all() {
            request = request.timeout(name, span);
        }
        request.input = args.input.as_deref().map(input).transpose()?;
        Ok(request)
    }

    /// A field, where there is a value.
    pub(crate) fn set(mut self, field: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.fields.insert(field.to_owned(), value.into());
        }
        self
    }

    /// A field of an object, where there is a value.
    pub(crate) fn within(
        mut self,
        object: &str,
        field: &str,
        value: Option<impl Into<Value>>,
    ) -> Self {
        if let Some(value) = value {
            self.fields.entry(object).or_insert_with(|| Value::Object(Map::new()))[field] =
                value.into();
        }
        self
    }

    /// A timeout, where there is one.
    pub(crate) fn timeout(self, name: &str, span: Option<Span>) -> Self {
        self.within("timeouts", name, span.map(|span| span.to_string()))
    }

    /// Labels.
    pub(crate) fn labels(mut self, labels: &[(String, String)]) -> Self {
        for (key, value) in labels {
            self = self.within("labels", key, Some(value.as_str()));
        }
        self
    }

    /// Creates it, once: repeats go under a key.
    pub(crate) async fn send(
        &self,
        client: &Client,
        key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let key = key.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        let body = self.body();
        let traceparent = std::env::var(TRACEPARENT).ok();
        let traceparent = traceparent.filter(|text| text.bytes().all(|b| b.is_ascii_graphic()));
        let once = || {
            let mut request = client.post("/v1/executions").header("Idempotency-Key", &key);
            if let Some(traceparent) = &traceparent {
                request = request.header("traceparent", traceparent);
            }
            request.body(body.clone()).send()
        };
        match once().await {
            // A server that is overloaded or restarts is worth a little patience; one that is not
            // there is for the caller to start.
            Err(error) if error.is_transient() && error.status().is_some() => {
                persist(PATIENCE, once, |_, _| {}).await
            }
            answered => answered,
        }
    }

    fn body(&self) -> String {
        let mut body = serde_json::to_string(&self.fields).expect("the fields are plain JSON");
        if let Some(input) = &self.input {
            body.truncate(body.len() - 1);
            body.push_str(if self.fields.is_empty() { "" } else { "," });
            body.push_str(&format!("\"input\":{}}}", input.get()));
        }
        body
    }
}

impl Timeouts {
    fn all(&self) -> [(&'static str, Option<Span>); 7] {
        [
            ("schedule_to_start", self.schedule_to_start),
            ("heartbeat", self.heartbeat),
            ("start_to_close", self.start_to_close),
            ("schedule_to_close", self.schedule_to_close),
            ("progress", self.progress),
            ("waiting", self.waiting),
            ("cancel", self.cancel),
        ]
    }
}

/// Reads JSON given on the command line, in a file, or on standard input.
pub(crate) fn input(given: &str) -> Result<Box<RawValue>, Error> {
    let (from, text) = match given.strip_prefix('@') {
        _ if given == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|e| Error::io("cannot read standard input", e))?;
            ("standard input", text)
        }
        Some(file) => {
            let text = std::fs::read_to_string(file);
            (file, text.map_err(|e| Error::io(format!("cannot read {file}"), e))?)
        }
        None => ("the input", given.to_owned()),
    };
    RawValue::from_string(text.trim().to_owned()).map_err(|e| {
        Error::Usage(format!(
            "{from} is not JSON ({e}); a text needs its quotes: --input '\"text\"'"
        ))
    })
}

/// Reads a kind.
pub(crate) fn kind(text: &str) -> Result<Kind, String> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| "a kind is agent or workflow".to_owned())
}

/// Reads `key=value`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if is_label_key(key) => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("a label is KEY=VALUE, the key {LABEL_KEY}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_says_only_what_was_said_and_keeps_the_input_as_it_was() {
        let mut request = Request::default()
            .set("kind", Some("agent"))
            .set("queue", None::<&str>)
            .labels(&[("team".to_owned(), "x".to_owned())])
            .timeout("heartbeat", Some(Span::secs(90)));
        request.input = Some(input("{\"n\": 1.0}").unwrap());
        assert_eq!(
            request.body(),
            r#"{"kind":"agent","labels":{"team":"x"},"timeouts":{"heartbeat":"1m30s"},"input":{"n": 1.0}}"#
        );
    }

    #[test]
    fn a_bare_word_is_not_json_and_says_how_to_quote_it() {
        let error = input("hello").unwrap_err();
        assert!(error.to_string().contains("quotes"), "{error}");
    }

    #[test]
    fn a_label_has_a_key() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("novalue").is_err() && label("=v").is_err());
    }
}
