//! Following a log to its end, and what people may choose about that.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{
    client::{
        Client,
        watch::{Options, Seen, View, Watch},
    },
    error::Error,
    exit::Exit,
    sanitise,
    wire::Event,
};

/// How long a server may be away before a person's watcher gives up: a restart on a large store, a
/// reboot.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Reads a view.
pub(crate) fn view() -> impl TypedValueParser<Value = View> {
    PossibleValuesParser::new([View::Full.as_str(), View::Status.as_str()])
        .map(|name| if name == View::Status.as_str() { View::Status } else { View::Full })
}

/// What a reader is told of a log that does not go on after `after`.
pub(crate) fn begins_anew(reason: &str, after: u64, oldest: u64) -> String {
    match reason {
        "ahead_of_log" => format!("the log ends before {after}; showing it from {oldest}"),
        _ => format!("events before {oldest} are gone ({reason})"),
    }
}

/// Shows every event after `after`, until the execution ends; how it ended.
///
/// # Errors
/// At once where there is no such execution or no server; later, one that is away is waited for.
pub(crate) async fn to_the_end(
    client: &Client,
    id: &str,
    after: u64,
    view: View,
    mut show: impl FnMut(&Event) -> Result<(), Error>,
) -> Result<Exit, Error> {
    client.execution(id).await?;
    let mut watch = Watch::start(client, id, Options { after, view, patience: PATIENCE });
    while let Some(seen) = watch.next().await {
        match seen? {
            Seen::Event(event) => show(&event)?,
            Seen::End => break,
            // What is printed is for programs as well: what is about the connection goes elsewhere.
            Seen::Lost { why } => {
                eprintln!("-- connection lost ({}); resuming", sanitise::line(&why))
            }
            Seen::Back => eprintln!("-- connected again; nothing was missed"),
            Seen::Reset { reason, after, oldest } => {
                eprintln!("-- {}", sanitise::line(&begins_anew(&reason, after, oldest)))
            }
        }
    }
    Ok(Exit::of(&client.execution(id).await?))
}
