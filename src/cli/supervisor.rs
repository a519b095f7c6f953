//! `heartline supervisor`: how the server is doing.

use serde_json::Value;

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, Tone, between, now, paint},
    sanitise,
};

/// Show how the server is doing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn supervisor(global: &Global, _: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let answer = client.get("/v1/supervisor").send().await?;
    if global.output != Format::Table {
        output::json(global.output, &answer.body)?;
        return Ok(Exit::OK);
    }
    let view: Value = answer.parse(&client)?;
    for (label, text, tone) in facts(&view) {
        output::line(&format!("{label:<11} {}", paint(&sanitise::line(&text), tone)))?;
    }
    Ok(Exit::OK)
}

fn facts(view: &Value) -> Vec<(&'static str, String, Tone)> {
    let at = |pointer: &str| view.pointer(pointer).unwrap_or(&Value::Null);
    let text = |pointer: &str| match at(pointer) {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let up = at("/started_at").as_str().and_then(|at| at.parse().ok());
    let up = up.map_or_else(|| "-".to_owned(), |started| between(started, now()));
    let healthy = at("/store/healthy").as_bool() == Some(true);
    let violations = at("/limbo/violations").as_array().map_or(0, Vec::len);
    let figures = |pointer: &str| match at(pointer) {
        Value::Object(figures) => {
            let each = figures.iter().filter(|(_, n)| n.as_u64() != Some(0));
            let each: Vec<_> = each.map(|(name, n)| format!("{name} {n}")).collect();
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        }
        _ => "-".to_owned(),
    };
    let quantiles = |pointer: &str| {
        let ms = |q: &str| at(&format!("{pointer}/{q}")).as_f64().unwrap_or_default();
        format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", ms("p50"), ms("p99"), ms("max"))
    };
    let store =
        if healthy { "healthy".to_owned() } else { format!("unhealthy: {}", text("/store/error")) };
    let limbo = format!("{violations} violations among {} live", text("/limbo/live"));
    let good = |ok| if ok { Tone::Good } else { Tone::Bad };
    vec![
        ("version", text("/version"), Tone::Plain),
        ("up for", up, Tone::Plain),
        ("store", store, good(healthy)),
        ("limbo", limbo, good(violations == 0)),
        ("executions", figures("/executions"), Tone::Plain),
        ("actors", figures("/actors"), Tone::Plain),
        ("restarts", text("/restarts"), Tone::Plain),
        ("armed", figures("/deadlines/armed"), Tone::Plain),
        ("fired", figures("/deadlines/fired"), Tone::Plain),
        ("lateness", quantiles("/deadlines/lateness_ms"), Tone::Plain),
        ("sync", quantiles("/journal/sync_ms"), Tone::Plain),
        ("watchers", figures("/feed/subscribers"), Tone::Plain),
        ("last start", text("/boot/summary"), Tone::Plain),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unhealthy_store_and_limbo_stand_out_and_missing_figures_do_no_harm() {
        let view = serde_json::json!({
            "store": {"healthy": false, "error": "disk full"},
            "limbo": {"live": 3, "violations": ["aex_1"]},
        });
        let facts = facts(&view);
        let tone = |label| facts.iter().find(|(name, ..)| *name == label).map(|(.., tone)| *tone);
        assert_eq!((tone("store"), tone("limbo")), (Some(Tone::Bad), Some(Tone::Bad)));
    }
}
