//! `heartline queues pause`, `resume` and `limit`: what an operator sets on a queue.

use heartline_execution::{Name, Rate};
use serde_json::{Map, Value, json};

use super::{
    Global,
    client::{Client, runner::host},
    error::Error,
    exit::Exit,
    output::{self, Format},
    queues,
};

/// Give nothing out until it is resumed; what is in progress goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    /// Which.
    queue: Name,
    /// Why, for whoever asks.
    #[arg(long)]
    reason: Option<String>,
}

/// Give out again.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// Which.
    queue: Name,
}

/// Limit how much is in progress, and how fast it is claimed.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("limits").required(true).multiple(true))]
pub(crate) struct Limit {
    /// Which.
    queue: Name,
    /// Executions in progress at once.
    #[arg(long, group = "limits", value_name = "N|none", value_parser = number)]
    max_in_progress: Option<Wanted<u32>>,
    /// Claims, such as 10/s, 100/m or 5/h; 10/s:20 lets 20 come at once after a quiet time.
    #[arg(long, group = "limits", value_name = "RATE|none", value_parser = rate)]
    rate: Option<Wanted<Rate>>,
    /// Executions of one concurrency key in progress at once.
    #[arg(long, group = "limits", value_name = "N|none", value_parser = number)]
    key_max_in_progress: Option<Wanted<u32>>,
    /// Claims of one concurrency key.
    #[arg(long, group = "limits", value_name = "RATE|none", value_parser = rate)]
    key_rate: Option<Wanted<Rate>>,
}

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wanted<T>(Option<T>);

fn wanted<T>(
    text: &str,
    read: impl FnOnce(&str) -> Option<T>,
    what: &str,
) -> Result<Wanted<T>, String> {
    match text {
        "none" => Ok(Wanted(None)),
        text => read(text).map(|value| Wanted(Some(value))).ok_or_else(|| what.to_owned()),
    }
}

fn number(text: &str) -> Result<Wanted<u32>, String> {
    wanted(text, |text| text.parse().ok(), "a limit is a whole number, or none")
}

fn rate(text: &str) -> Result<Wanted<Rate>, String> {
    let read = |text: &str| {
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst.parse().ok()?)),
            None => (text, None),
        };
        let (count, unit) = rate.split_once('/')?;
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None, // Not a unit.
        };
        let per_second = count.parse::<f64>().ok().filter(|count| count.is_finite())? / seconds;
        Some(Rate { per_second, burst: burst.unwrap_or(Rate::default_burst(per_second)) })
    };
    wanted(text, read, "a rate is such as 10/s, 100/m, 5/h or 10/s:20, or none")
}

impl Pause {
    pub(crate) async fn send(&self, global: &Global, client: &Client) -> Result<Exit, Error> {
        let mut change = json!({"paused": true, "by": who()});
        if let Some(reason) = &self.reason {
            change["reason"] = json!(reason);
        }
        let told = format!(
            "queue {} is paused; resume it: heartline queues resume {}",
            self.queue, self.queue
        );
        set(global, client, &self.queue, &change, Some(&told)).await
    }
}

impl Resume {
    pub(crate) async fn send(&self, global: &Global, client: &Client) -> Result<Exit, Error> {
        let told = format!("queue {} is resumed", self.queue);
        set(global, client, &self.queue, &json!({"paused": false}), Some(&told)).await
    }
}

impl Limit {
    pub(crate) async fn send(&self, global: &Global, client: &Client) -> Result<Exit, Error> {
        let mut change = Map::new();
        let numbers = [
            ("max_in_progress", self.max_in_progress),
            ("key_max_in_progress", self.key_max_in_progress),
        ];
        for (name, Wanted(limit)) in numbers.into_iter().filter_map(|(n, w)| Some((n, w?))) {
            change.insert(name.to_owned(), json!(limit));
        }
        let rates = [("rate", self.rate), ("key_rate", self.key_rate)];
        for (name, Wanted(rate)) in rates.into_iter().filter_map(|(n, w)| Some((n, w?))) {
            change.insert(name.to_owned(), json!(rate));
        }
        set(global, client, &self.queue, &Value::Object(change), None).await
    }
}

/// Sends a change, and says what came of it: in a line, or by the whole queue.
async fn set(
    global: &Global,
    client: &Client,
    queue: &Name,
    change: &Value,
    told: Option<&str>,
) -> Result<Exit, Error> {
    let request = client.patch(&format!("/v1/queues/{queue}")).body(change.to_string());
    let answer = request.send().await?;
    match (global.output, told) {
        (Format::Table, Some(told)) => {
            output::line(told)?;
            Ok(Exit::OK)
        }
        (Format::Table | Format::Json | Format::Jsonl, _) => queues::show(global, &answer, client),
    }
}

/// Who pauses, as this machine knows them: `ann@build-7`.
fn who() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let who = format!("{user}@{}", host());
    who.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_people_write_it() {
        let read = |text| rate(text).map(|Wanted(rate)| rate);
        assert_eq!(read("10/s"), Ok(Some(Rate { per_second: 10.0, burst: 10 })));
        assert_eq!(read("90/m:5"), Ok(Some(Rate { per_second: 1.5, burst: 5 })));
        assert_eq!(read("36/h"), Ok(Some(Rate { per_second: 0.01, burst: 1 })));
        assert_eq!(read("none"), Ok(None));
        for wrong in ["10", "x/s", "10/y", "10/s:", "NaN/s", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
