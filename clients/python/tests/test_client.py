"""The client's side: create, look, list, answer, watch."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import serve

from heartline import (
    Client,
    Conflict,
    Gap,
    HeartlineError,
    Invalid,
    NotCompleted,
    NotFound,
    Reset,
    TooLarge,
    Unreachable,
)
from heartline._watch import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.asyncio.server import ServerConnection

    from .server import Server


def unused() -> str:
    return f"q-{uuid.uuid4().hex}"


async def test_create_get_list_cancel_retry_and_delete(client: Client) -> None:
    queue, made = unused(), []
    for number in range(5):
        created = await client.create(
            "agent", f"n{number}", queue=queue, input={"n": number}, labels={"team": queue[:20]}
        )
        assert created["dispatch"]["verdict"] == "no_runner_ever"
        made.append(created["execution"]["id"])
    found = [execution["id"] async for execution in client.list(queue=queue, page=2)]
    assert found == made[::-1]
    labelled = [e["id"] async for e in client.list(label=f"team:{queue[:20]}", phase="pending")]
    assert labelled == found
    assert (await client.get(made[3]))["input"] == {"n": 3}
    assert "queue" in (await client.explain(made[0]))["summary"]

    with pytest.raises(Conflict) as refused:
        await client.delete(made[0])
    assert refused.value.code == "not_terminal"
    await client.cancel(made[0], "not needed")
    with pytest.raises(NotCompleted) as over:
        await client.result(made[0])
    assert over.value.execution["phase"] == "cancelled"
    again = await client.retry(made[0])
    assert again["execution"].get("retry_of") == made[0]
    tried = [execution["id"] async for execution in client.list(retry_of=made[0])]
    assert tried == [again["execution"]["id"]]
    ended = [e["id"] async for e in client.list(queue=queue, reason="cancel_requested")]
    assert ended == [made[0]]
    await client.delete(made[0])
    with pytest.raises(NotFound):
        await client.get(made[0])
    for id in [*made[1:], again["execution"]["id"]]:
        await client.cancel(id)


async def test_the_same_key_creates_nothing_twice(client: Client) -> None:
    key, queue = uuid.uuid4().hex, unused()
    first = await client.create("workflow", "w", queue=queue, idempotency_key=key)
    second = await client.create("workflow", "w", queue=queue, idempotency_key=key)
    assert first["execution"]["id"] == second["execution"]["id"]
    with pytest.raises(Invalid) as reused:
        await client.create("workflow", "other", queue=queue, idempotency_key=key)
    assert reused.value.code == "idempotency_key_reused"
    await client.cancel(first["execution"]["id"])


async def test_bad_input_is_told_field_by_field(client: Client) -> None:
    with pytest.raises(Invalid) as wrong:
        await client.create("agent", "", timeouts={"heartbeat": "0s"}, queue=unused())
    assert wrong.value.status == 422
    assert {error["pointer"] for error in wrong.value.errors} >= {"/name", "/timeouts/heartbeat"}
    assert wrong.value.request_id
    for id in ("nope", "../queues", "aex_" + "0" * 32):
        with pytest.raises(NotFound):
            await client.get(id)
        with pytest.raises(NotFound):
            await anext(client.watch(id))
    with pytest.raises(TypeError):
        await client.create("agent", "x", input=object())
    with pytest.raises(TooLarge):
        await client.create("agent", "x", input="x" * (4 << 20), queue=unused())
    for address in ("127.0.0.1:7400", "ftp://x", ""):
        with pytest.raises(ValueError, match="http"):
            Client(address or "x")


async def test_a_server_that_is_away_is_waited_for_and_then_reported(own: Server) -> None:
    own.kill()
    async with Client(own.url, patience=0.3) as client:
        with pytest.raises(Unreachable):
            await client.create("agent", "x")
        with pytest.raises(Unreachable):
            await anext(client.watch("aex_" + "0" * 32, patience=0.3))
    async with Client(own.url) as client:
        creating = asyncio.create_task(client.create("agent", "x"))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own.start)
        assert (await creating)["execution"]["phase"] == "pending"


async def test_waiting_has_an_end(client: Client) -> None:
    id = (await client.create("agent", "x", queue=unused()))["execution"]["id"]
    with pytest.raises(TimeoutError):
        await client.wait(id, 0.2)
    await client.cancel(id)
    assert (await client.wait(id))["phase"] == "cancelled"


async def test_a_page_of_the_log_can_be_waited_for(client: Client) -> None:
    id = (await client.create("agent", "x", queue=unused()))["execution"]["id"]
    page = await client.events(id, after=1, wait=0.1)
    assert (page["events"], page["head"], page["terminal"]) == ([], 1, False)
    waiting = asyncio.create_task(client.events(id, after=1, wait=20))
    await client.cancel(id)
    assert (await waiting)["events"][0]["type"] == "execution.cancel_requested"


async def test_a_watch_resumes_where_it_was_across_restarts(own: Server) -> None:
    async with Client(own.url) as client:
        id = (await client.create("agent", "x", queue=unused()))["execution"]["id"]
        seen = []
        async for event in client.watch(id):
            seen.append(event["seq"])
            if len(seen) <= 3:
                own.kill()
                await asyncio.to_thread(own.start)
                await client.cancel(id, grace="1s") if len(seen) == 3 else None
                if len(seen) < 3:
                    # A change that the watch has to see although the connection was lost.
                    await patch(own, id, len(seen))
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) == 5


async def patch(server: Server, id: str, priority: int) -> None:
    async with Client(server.url) as client:
        path = f"/v1/executions/{id}"
        await client._http.call("PATCH", path, json.dumps({"priority": priority}).encode())


# ---- what a correct server never does ------------------------------------------------------


def event(seq: int, prev: int) -> Any:
    return {"seq": seq, "prev": prev, "type": "CUSTOM", "data": {}}


def test_a_cursor_drops_repeats_and_finds_gaps() -> None:
    cursor = Cursor("aex_x", 0, "full")
    assert cursor.take(event(1, 0)) is not None
    assert cursor.take(event(1, 0)) is None
    assert cursor.take(event(2, 1)) is not None
    with pytest.raises(Exception, match="before 4 are missing"):
        cursor.take(event(4, 3))
    with pytest.raises(Exception, match="before 9 are missing"):
        cursor.ends({"op": "end", "seq": 9})
    assert cursor.ends({"op": "end", "seq": 2})

    status = Cursor("aex_x", 5, "status")
    assert status.take(event(9, 3)) is not None
    with pytest.raises(Exception, match="before 20 are missing"):
        status.take(event(20, 12))
    assert status.take(event(20, 9)) is not None

    with pytest.raises(Reset) as reset:
        status.ends({"op": "reset", "reason": "purged", "oldest": 3})
    assert (reset.value.oldest, reset.value.reason) == (3, "purged")
    fresh = Cursor("aex_x", 0, "full")
    assert not fresh.ends({"op": "reset", "reason": "retention", "oldest": 7})
    assert fresh.take(event(7, 6)) is not None


async def shown(*connections: Iterable[dict[str, Any]]) -> list[int]:
    """The seqs that a watch shows of a server that sends these frames."""
    scripts = iter(connections)

    async def handle(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"op": "hello"}))
        await connection.recv()
        for frame in next(scripts, ()):
            await connection.send(json.dumps(frame))

    seen = []
    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}") as client:
            seen = [e["seq"] async for e in client.watch("aex_x", patience=1)]
    return seen


async def test_what_a_connection_left_out_is_asked_for_again() -> None:
    def frames(*seqs: int) -> list[dict[str, Any]]:
        return [{"op": "event", "event": event(seq, seq - 1)} for seq in seqs]

    end = {"op": "end", "seq": 4, "phase": "completed"}
    lag = [{"op": "lag", "at": 2, "head": 4}, *frames(3, 4), {"op": "live", "seq": 4}]
    assert await shown(frames(1, 3), [*frames(1, 2), *lag, {"op": "new"}, end]) == [1, 2, 3, 4]
    busy = {"op": "error", "problem": {"status": 503, "code": "overloaded"}}
    assert await shown([busy], [*frames(1, 2, 3, 4), end]) == [1, 2, 3, 4]
    with pytest.raises(Gap) as gap:
        await shown(*[frames(1, 3)] * 5)
    assert (gap.value.after, gap.value.seq) == (1, 3)
    with pytest.raises(HeartlineError):
        await shown([{"op": "error", "problem": {"status": 400, "code": "invalid_query"}}])
