//! `heartline top`: executions and queues, live, in a table that fills the terminal.

mod draw;
mod feed;
mod table;

use std::{collections::BTreeMap, io::IsTerminal as _, time::Duration};

use futures_util::StreamExt as _;
use ratatui::crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use self::{feed::Feed, table::Table};
use super::{
    Global,
    client::Client,
    error::Error,
    exit::Exit,
    output,
    queues::{Queue, Queues},
};

/// Rows that stand at the beginning.
const ROWS: u32 = 500;
/// Between two looks at the queues, and two drawings of the clocks.
const TICK: Duration = Duration::from_secs(1);
/// At most this often the screen is drawn, however much changes.
const FRAME: Duration = Duration::from_millis(50);

/// Show executions and queues live; `q` ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only agents or only workflows.
    #[arg(long, value_parser = super::create::kind)]
    kind: Option<heartline_execution::Kind>,
    /// Only those of this name.
    #[arg(long)]
    name: Option<String>,
    /// Only those of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only those with this label.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::create::label)]
    label: Option<(String, String)>,
    /// Print the table once and end, as when the output is not a terminal.
    #[arg(long)]
    once: bool,
}

impl Args {
    fn filter(&self) -> Value {
        let label = self.label.as_ref().map(|(key, value)| format!("{key}:{value}"));
        let filter: BTreeMap<&str, String> = [
            ("kind", self.kind.map(|kind| kind.as_str().to_owned())),
            ("name", self.name.clone()),
            ("queue", self.queue.clone()),
            ("label", label),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        json!(filter)
    }
}

pub(crate) async fn top(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let mut feed = Feed::start(&client, args.filter(), ROWS);
    let mut table = Table::default();
    if args.once || !std::io::stdout().is_terminal() {
        table.queues = queues(&client).await?;
        while !table.is_complete() {
            match feed.next().await {
                Some(told) => table.apply(told?),
                None => break,
            }
        }
        for line in draw::plain(&table, output::now()) {
            output::line(&line)?;
        }
        return Ok(Exit::OK);
    }
    let mut terminal = ratatui::try_init().map_err(|e| Error::io("cannot take the screen", e))?;
    let ended = watch(&client, &mut feed, &mut table, &mut terminal).await;
    ratatui::restore();
    ended
}

async fn watch(
    client: &Client,
    feed: &mut Feed,
    table: &mut Table,
    terminal: &mut ratatui::DefaultTerminal,
) -> Result<Exit, Error> {
    let mut keys = EventStream::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frame = tokio::time::interval(FRAME);
    frame.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stale = true;
    let (asked, mut answered) = tokio::sync::mpsc::channel(1);
    loop {
        tokio::select! {
            told = feed.next() => match told {
                Some(told) => {
                    table.apply(told?);
                    stale = true;
                }
                None => return Ok(Exit::OK),
            },
            key = keys.next() => match key {
                Some(Ok(event)) => {
                    if ends(&event) {
                        return Ok(Exit::OK);
                    }
                    table.key(&event);
                    stale = true;
                }
                Some(Err(error)) => return Err(Error::io("cannot read the keyboard", error)),
                None => return Ok(Exit::OK),
            },
            Some(queues) = answered.recv() => {
                table.queues = queues;
                stale = true;
            }
            _ = tick.tick() => {
                stale = true;
                // One look at a time, beside everything else; a server that is away leaves the
                // queues as they were last seen.
                if let Ok(permit) = asked.clone().try_reserve_owned() {
                    let client = client.clone();
                    tokio::spawn(async move {
                        if let Ok(queues) = queues(&client).await {
                            permit.send(queues);
                        }
                    });
                }
            }
            _ = frame.tick(), if stale => {
                let now = output::now();
                terminal
                    .draw(|screen| draw::screen(screen, table, now))
                    .map_err(|e| Error::io("cannot draw", e))?;
                stale = false;
            }
        }
    }
}

fn ends(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && (control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

async fn queues(client: &Client) -> Result<Vec<Queue>, Error> {
    Ok(client.get("/v1/queues").send().await?.parse::<Queues>(client)?.queues)
}
