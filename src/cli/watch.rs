//! `heartline watch`: follows an execution until it ends, or until it waits for a person.

use std::time::Duration;

use heartline_execution::Phase;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Global,
    client::{
        Client, Error as ClientError,
        watch::{Options, Seen, View, Watch as Following},
    },
    error::Error,
    events::Pages,
    exit::Exit,
    follow,
    show::Screen,
    wire::{Event, Execution},
};

/// The event with which a question is asked.
const WAITING: &str = "execution.waiting";
/// Fast enough for a countdown to look alive.
const TICK: Duration = Duration::from_millis(200);
/// Heartbeats move the next deadline without an event; this is how often it is asked for.
const REFRESH: Duration = Duration::from_secs(5);
/// A countdown is not worth waiting for longer.
const REFRESH_PATIENCE: Duration = Duration::from_millis(500);

/// Follow an execution until it ends or waits for a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// Begin after this event; 0 shows the whole log.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    after: u64,
    /// All events, or the lifecycle only.
    #[arg(long, value_parser = follow::view(), default_value = View::Full.as_str())]
    view: View,
    /// Go on when it waits for a person.
    #[arg(long)]
    through_waiting: bool,
}

pub(crate) async fn watch(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let watch = Watch {
        client: &client,
        after: args.after,
        view: args.view,
        through_waiting: args.through_waiting,
        patience: follow::PATIENCE,
    };
    let execution = watch.until_over(&id, &mut Screen::new(global.output)).await?;
    Ok(Exit::of(&execution))
}

/// How to follow.
pub(crate) struct Watch<'a> {
    pub(crate) client: &'a Client,
    pub(crate) after: u64,
    pub(crate) view: View,
    pub(crate) through_waiting: bool,
    pub(crate) patience: Duration,
}

impl<'a> Watch<'a> {
    /// The whole log, to the end or to the first question.
    pub(crate) fn whole(client: &'a Client) -> Self {
        Self {
            client,
            after: 0,
            view: View::Full,
            through_waiting: false,
            patience: follow::PATIENCE,
        }
    }

    /// Shows everything on `screen`; the execution as it was when the following ended.
    pub(crate) async fn until_over(
        &self,
        id: &str,
        screen: &mut Screen,
    ) -> Result<Execution, Error> {
        let execution = self.client.execution(id).await?;
        screen.opening(&execution)?;
        let mut after = self.after;
        if self.is_behind_the_question(&execution).await? {
            let rest = Pages { client: self.client, id, view: self.view };
            (after, _) = rest.each(after, u64::MAX, |event| screen.event(event)).await?;
            let execution = self.client.execution(id).await?;
            // It may have been answered meanwhile.
            if execution.phase == Phase::Waiting {
                screen.closing(&execution)?;
                return Ok(execution);
            }
        }
        let options = Options { after, view: self.view, patience: self.patience };
        let mut follow = Following::start(self.client, id, options);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let live = screen.is_live();
        let mut stale = false;
        let over = loop {
            tokio::select! {
                seen = follow.next() => match seen.transpose()? {
                    Some(seen) => {
                        stale |= matches!(&seen, Seen::Event(e) if e.type_name.starts_with("execution."));
                        if let Some(over) = self.seen(id, seen, screen).await? {
                            break over;
                        }
                    }
                    None => return Err(Error::Other("the follower ended early".to_owned())),
                },
                _ = tick.tick(), if live => {
                    if std::mem::take(&mut stale) {
                        self.refresh(id, screen).await;
                    }
                    screen.tick();
                }
                _ = refresh.tick(), if live => stale = true,
            }
        };
        screen.closing(&over)?;
        Ok(over)
    }

    /// Whether it waits for an answer to a question that was asked before what is shown: no event
    /// will tell of that one.
    async fn is_behind_the_question(&self, execution: &Execution) -> Result<bool, Error> {
        if execution.phase != Phase::Waiting || self.through_waiting || self.after == 0 {
            return Ok(false);
        }
        let mut asked = false;
        let told = |event: &Event| {
            asked |= event.type_name == WAITING;
            Ok(())
        };
        let lifecycle = Pages { client: self.client, id: &execution.id, view: View::Status };
        lifecycle.each(self.after, u64::MAX, told).await?;
        Ok(!asked)
    }

    /// The execution, once there is nothing more to follow.
    async fn seen(
        &self,
        id: &str,
        seen: Seen,
        screen: &mut Screen,
    ) -> Result<Option<Execution>, Error> {
        match seen {
            Seen::Event(event) => {
                screen.event(&event)?;
                return self.asked(id, &event).await;
            }
            Seen::Lost { why } => {
                screen.notice(&format!("connection lost ({why}); resuming by itself"))?;
            }
            Seen::Back => screen.notice("connected again; nothing was missed")?,
            Seen::Reset { reason, after, oldest } => {
                screen.notice(&follow::begins_anew(&reason, after, oldest))?;
            }
            Seen::End => return Ok(Some(self.last_look(id).await?)),
        }
        Ok(None)
    }

    /// The execution, if it waits for a person now; the event may be an old one.
    async fn asked(&self, id: &str, event: &Event) -> Result<Option<Execution>, Error> {
        if self.through_waiting || event.type_name != WAITING {
            return Ok(None);
        }
        let execution = self.last_look(id).await?;
        Ok((execution.phase == Phase::Waiting).then_some(execution))
    }

    async fn refresh(&self, id: &str, screen: &mut Screen) {
        let asked = self.client.get(&format!("/v1/executions/{id}")).within(REFRESH_PATIENCE);
        // Only the countdown depends on it; the socket tells when the server is away.
        if let Ok(execution) = asked.json::<Execution>().await {
            screen.status(&execution);
        }
    }

    /// The execution as it is, across a restart of the server.
    async fn last_look(&self, id: &str) -> Result<Execution, ClientError> {
        let patience = Duration::from_secs(60);
        super::client::persist(patience, || self.client.execution(id), |_, _| {}).await
    }
}
