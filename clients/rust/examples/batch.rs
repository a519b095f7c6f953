//! A batch job with progress and checkpoints: an attempt goes on where the one before was.
//!
//! Against a server on this machine (`heartline serve`):
//!
//! ```text
//! cargo run --release -p heartline-client --example batch
//! heartline create --kind workflow --name sum --queue batch --retries 3 \
//!     --input '{"numbers": 2000}' --watch
//! ```
//!
//! Kill this program half way and start it again: the next attempt begins at the last checkpoint.

use heartline_client::{
    Client,
    runner::{Context, Failed, Identity, Runner, Status},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Numbers between two checkpoints.
const CHUNK: u64 = 100;

#[derive(Deserialize)]
struct Input {
    numbers: u64,
}

/// What an attempt leaves for the next one: the execution's shared state.
#[derive(Default, Deserialize, Serialize)]
struct Done {
    numbers: u64,
    sum: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), heartline_client::Error> {
    let client = Client::from_env()?;
    println!("serves queue batch of {}; Ctrl-C ends it", client.server());
    Runner::new(client)
        .identity(Identity::new("batch"))
        .queues(["batch"])
        .slots(2)
        .handler("sum", sum)
        .run(async {
            // A signal that cannot be caught ends the process anyway.
            let _caught = tokio::signal::ctrl_c().await;
        })
        .await
}

async fn sum(ctx: Context) -> Result<u64, Failed> {
    let Input { numbers } = ctx.input()?;
    let state = ctx.checkpoint().and_then(|checkpoint| checkpoint.state.clone());
    let mut done: Done = state.map(serde_json::from_value).transpose()?.unwrap_or_default();
    ctx.task("sum", "Sum up", Status::InProgress, &json!({"input": done.numbers})).await?;
    while done.numbers < numbers {
        // Somebody who cancels does not wait for the rest.
        ctx.check()?;
        let to = (done.numbers + CHUNK).min(numbers);
        let from = done.numbers + 1;
        // Blocking work, and heartbeats go on all the while.
        let part = tokio::task::spawn_blocking(move || slow_sum(from, to)).await?;
        done = Done { numbers: to, sum: done.sum + part };
        ctx.state(&done).await?;
        // Whatever comes next may now assume that this is on the server's disk.
        ctx.flush().await?;
        #[expect(clippy::cast_precision_loss, reason = "it is for people")]
        ctx.progress(to as f64 / numbers as f64, &format!("{to} of {numbers}"));
    }
    ctx.task("sum", "Sum up", Status::Completed, &json!({"output": done.sum})).await?;
    ctx.artifact("report", "report.txt", "text/plain", &format!("The sum is {}.\n", done.sum))
        .await?;
    Ok(done.sum)
}

/// Sums the numbers from `from` to `to`, and takes its time.
fn slow_sum(from: u64, to: u64) -> u64 {
    (from..=to).map(|number| (0..100_000).fold(number, |n, _| std::hint::black_box(n))).sum()
}
