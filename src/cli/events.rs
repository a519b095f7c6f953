//! `heartline events`: the log of an execution, as far as it goes, or until it ends.

use super::{
    Global,
    client::{Client, Error as ClientError, watch::View},
    error::Error,
    exit::Exit,
    follow,
    output::Format,
    show::Screen,
    wire::{Event, EventPage},
};

/// Events of one request.
const PAGE: u64 = 500;

/// Print the events of an execution.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// Begin after this event.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    after: u64,
    /// The most events.
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    limit: Option<u64>,
    /// Go on as they come, until it ends.
    #[arg(short, long)]
    follow: bool,
    /// All events, or the lifecycle only.
    #[arg(long, value_parser = follow::view(), default_value = View::Full.as_str())]
    view: View,
}

pub(crate) async fn events(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    // Nothing moves here, so a terminal gets plain lines as well.
    let mut screen = match global.output {
        Format::Table => Screen::Plain,
        format => Screen::new(format),
    };
    if args.follow {
        let show = |event: &Event| screen.event(event);
        return follow::to_the_end(&client, &id, args.after, args.view, show).await;
    }
    let pages = Pages { client: &client, id: &id, view: args.view };
    let limit = args.limit.unwrap_or(u64::MAX);
    pages.each(args.after, limit, |event| screen.event(event)).await?;
    Ok(Exit::OK)
}

/// The log, page by page.
pub(crate) struct Pages<'a> {
    pub(crate) client: &'a Client,
    pub(crate) id: &'a str,
    pub(crate) view: View,
}

impl Pages<'_> {
    /// Calls `each` for the events after `after`, at most `limit`, up to the head. The seq to go on
    /// from, and whether the log is complete.
    pub(crate) async fn each(
        &self,
        after: u64,
        limit: u64,
        mut each: impl FnMut(&Event) -> Result<(), Error>,
    ) -> Result<(u64, bool), Error> {
        let mut cursor = after;
        let mut left = limit;
        loop {
            let page = self.page(cursor, left.min(PAGE)).await?;
            let events = page.parsed().map_err(|error| ClientError::Foreign {
                server: self.client.server().to_owned(),
                what: format!("an event that cannot be read ({error})"),
            })?;
            for event in &events {
                each(event)?;
                cursor = event.seq;
                left -= 1;
            }
            if events.is_empty() || cursor >= page.head || left == 0 {
                return Ok((cursor, page.terminal && cursor >= page.head));
            }
        }
    }

    async fn page(&self, after: u64, limit: u64) -> Result<EventPage, ClientError> {
        let (after, limit) = (after.to_string(), limit.to_string());
        let query = [("after", &*after), ("limit", &*limit), ("view", self.view.as_str())];
        self.client.get(&format!("/v1/executions/{}/events", self.id)).query(&query).json().await
    }
}
