//! `heartline top`: executions and queues, live, in a table that fills the terminal.

mod draw;
mod feed;
mod once;
mod table;

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt as _;
use heartline_execution::Phase;
use ratatui::crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use tokio::time::MissedTickBehavior;

use self::{
    feed::Feed,
    table::{Counted, Figures, Table},
};
use super::{
    Global,
    client::Client,
    error::Error,
    exit::Exit,
    follow::PATIENCE,
    output::{self, Format},
    queues::Queues,
};

/// Rows of a phase that stand at the beginning: as many as the server gives at once.
const ROWS: u32 = 1_000;
/// The same of one that executions end in, of which the newest are enough.
const ENDED: u32 = 100;
/// Between two looks at the queues, and two drawings of the clocks.
const TICK: Duration = Duration::from_secs(1);
/// At most this often the screen is drawn, however much changes.
const FRAME: Duration = Duration::from_millis(50);

/// Which executions, as the server's lists take it.
type Filter = BTreeMap<&'static str, String>;

/// Rows of a phase that are asked for.
fn rows(phase: Phase) -> u32 {
    if phase.is_terminal() { ENDED } else { ROWS }
}

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
    fn filter(&self) -> Filter {
        let label = self.label.as_ref().map(|(key, value)| format!("{key}:{value}"));
        [
            ("kind", self.kind.map(|kind| kind.as_str().to_owned())),
            ("name", self.name.clone()),
            ("queue", self.queue.clone()),
            ("label", label),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

pub(crate) async fn top(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let filter = args.filter();
    if args.once || !output::is_terminal() {
        return once::once(global, &client, &filter).await;
    }
    if global.output != Format::Table {
        let wrong = "the live table is a screen, not JSON; add --once for what is there now";
        return Err(Error::Usage(wrong.to_owned()));
    }
    let mut feed = Feed::start(&client, filter.clone(), PATIENCE);
    let mut terminal = ratatui::try_init().map_err(|e| Error::io("cannot take the screen", e))?;
    let ended = watch(&client, &filter, &mut feed, &mut terminal).await;
    ratatui::restore();
    ended
}

async fn watch(
    client: &Client,
    filter: &Filter,
    feed: &mut Feed,
    terminal: &mut ratatui::DefaultTerminal,
) -> Result<Exit, Error> {
    let mut table = Table::default();
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
            Some(figures) = answered.recv() => {
                table.figures = figures;
                stale = true;
            }
            _ = tick.tick() => {
                stale = true;
                // One look at a time, beside everything else; a server that is away leaves the
                // figures as they were last seen.
                if let Ok(permit) = asked.clone().try_reserve_owned() {
                    let (client, filter) = (client.clone(), filter.clone());
                    tokio::spawn(async move {
                        if let Ok(figures) = figures(&client, &filter).await {
                            permit.send(figures);
                        }
                    });
                }
            }
            _ = frame.tick(), if stale => {
                let now = output::now();
                terminal
                    .draw(|screen| draw::screen(screen, &table, now))
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

async fn figures(client: &Client, filter: &Filter) -> Result<Figures, Error> {
    let queues = client.get("/v1/queues").json::<Queues>().await?.queues;
    Ok(Figures { queues, counted: counted(client, filter).await? })
}

async fn counted(client: &Client, filter: &Filter) -> Result<Counted, Error> {
    Ok(client.get("/v1/executions/counts").query(&pairs(filter)).json().await?)
}

fn pairs(filter: &Filter) -> Vec<(&'static str, &str)> {
    filter.iter().map(|(name, value)| (*name, &**value)).collect()
}
