//! A producer of one long execution: many events of any size, on and on over restarts.

use serde_json::json;

use super::{
    api::Request,
    chance::Chance,
    clients::Shared,
    reader::{Board, Shelf},
};

/// Events of one execution, at most.
const EVENTS: u64 = 2_500;
/// The largest has a little more bytes; most are far smaller.
const LARGE: usize = 20_000;

/// Writes until the end of the test, and completes.
pub(crate) async fn pour(shelf: Shelf, mut chance: Chance, queue: String) {
    let Shelf { world, board, .. } = shelf;
    let body = json!({
        "kind": "agent", "name": queue, "queue": queue,
        // Whatever the server does, it is not taken away.
        "timeouts": {"heartbeat": "10m", "schedule_to_start": "10m"},
    });
    let told = world.tell(&Request::create(&body, &queue)).await;
    let id = told.answer.ok()["execution"]["id"].as_str().expect("an id").to_owned();
    show(&board, id);
    let lease = claim(&world, &queue).await;
    let (mut batch, mut written) = (0, 0);
    while written < EVENTS && !world.is_closing() {
        batch += 1;
        let count = *chance.pick(&[1, 1, 1, 3, 40]);
        written += count;
        let events: Vec<_> = (0..count).map(|_| event(&mut chance, batch)).collect();
        let request = Request::events(&lease, batch, &format!("[{}]", events.join(",")));
        world.tell(&request).await.answer.seq();
    }
    let complete = Request::under(&lease, "complete", json!({"output": written}));
    world.tell(&complete).await.answer.seq();
}

async fn claim(world: &Shared, queue: &str) -> super::api::Lease {
    loop {
        let told = world.tell(&Request::claim(queue, queue, "5s")).await;
        if let Some(lease) = told.answer.lease() {
            return lease;
        }
    }
}

pub(crate) fn show(board: &Board, id: String) {
    board.send_modify(|ids| ids.push(id));
}

fn event(chance: &mut Chance, batch: u64) -> String {
    let size = if chance.one_in(20) { LARGE } else { 400 };
    let pad = "ä".repeat(chance.below(size) / 2);
    format!(r#"{{"type":"TEXT_MESSAGE_CHUNK","data":{{"messageId":"m{batch}","delta":"{pad}"}}}}"#)
}
