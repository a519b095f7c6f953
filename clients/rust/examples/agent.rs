//! An agent that streams tokens, calls a tool and asks a person.
//!
//! Against a server on this machine (`heartline serve`):
//!
//! ```text
//! cargo run --release -p heartline-client --example agent
//! heartline create --kind agent --name weather --input '{"city": "Bern"}' --watch
//! heartline resume ID --input '{"approved": true}'
//! ```
//!
//! The model here is a few lines that pick words; where it stands a real one is called.

use std::time::Duration;

use heartline_client::{
    Client,
    runner::{Context, Failed, Identity, Level, Question, Runner},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Input {
    city: String,
}

#[derive(Deserialize)]
struct Approval {
    approved: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), heartline_client::Error> {
    let client = Client::from_env()?;
    println!("serves queue agents of {}; Ctrl-C ends it", client.server());
    Runner::new(client)
        .identity(Identity::new("weather-agent").version(env!("CARGO_PKG_VERSION")))
        .queues(["agents"])
        .slots(8)
        .handler("weather", weather)
        .run(async {
            // A signal that cannot be caught ends the process anyway.
            let _caught = tokio::signal::ctrl_c().await;
        })
        .await
}

async fn weather(ctx: Context) -> Result<Value, Failed> {
    let Input { city } = ctx.input()?;
    let reasoning = ctx.reasoning().await?;
    reasoning.write(&format!("I need today's weather in {city}.")).await?;
    reasoning.end().await?;

    let call = ctx.tool_call("get_weather", &json!({"city": city})).await?;
    let degrees = match measure(&city) {
        Ok(degrees) => {
            call.result(&json!({"degrees": degrees}).to_string()).await?;
            degrees
        }
        Err(why) => {
            call.failed(why).await?;
            // Another attempt would find the same.
            return Err(Failed::permanent("no_such_city", format!("{why}: {city}")));
        }
    };

    // What is said so far stays in the log if the person says no, or if somebody cancels.
    let question = Question::new(&format!("May I tell the world that {city} has {degrees} °C?"))
        .schema(json!({"type": "object", "required": ["approved"]}));
    let Approval { approved } = ctx.ask(&question).await?;
    if !approved {
        ctx.log(Level::Info, "nobody will know").await?;
        return Ok(json!({"told": false}));
    }

    let message = ctx.message("assistant").await?;
    for token in format!("In {city} it is {degrees} degrees, and people are out.").split(' ') {
        // A cancellation ends this sleep, and the handler with it.
        ctx.sleep(Duration::from_millis(50)).await?;
        message.write(&format!("{token} ")).await?;
    }
    message.end().await?;
    Ok(json!({"told": true, "degrees": degrees}))
}

/// The tool.
fn measure(city: &str) -> Result<usize, &'static str> {
    if city.trim().is_empty() { Err("a city has a name") } else { Ok(10 + city.len() % 20) }
}
