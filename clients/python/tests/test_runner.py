"""Handlers of both kinds and their outcomes, over both transports."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from heartline import (
    Client,
    Context,
    NonRetryable,
    Runner,
    SyncContext,
)

from .conftest import RETRY, run

if TYPE_CHECKING:
    from heartline._session import TransportName
    from heartline.wire import TimeoutChanges


async def test_a_handler_that_blocks_everything_keeps_its_heartbeats(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler("blocks")
    async def blocks(ctx: Context, input: Any) -> str:
        time.sleep(2.2)  # The very thing one must not do in a coroutine.
        return "alive"

    @runner.handler("computes")
    def computes(ctx: SyncContext, input: Any) -> str:
        end = time.monotonic() + 2.2
        while time.monotonic() < end:
            sum(range(10_000))
        return "alive"

    timeouts: TimeoutChanges = {"heartbeat": "1s"}
    async with runner:
        blocking = run(client, queue, "blocks", timeouts=timeouts)
        computing = run(client, queue, "computes", timeouts=timeouts)
        for done in await asyncio.gather(blocking, computing):
            assert (done["phase"], done["attempt"]) == ("completed", 1), done.get("error")


async def test_another_attempt_finds_what_the_one_before_left(
    client: Client, queue: str, runner: Runner
) -> None:
    found: list[Any] = []

    @runner.handler("batch")
    async def batch(ctx: Context, input: Any) -> Any:
        found.append((ctx.attempt, ctx.checkpoint, ctx.details))
        if ctx.attempt == 1:
            await ctx.state({"rows": 1})
            await ctx.progress(0.25, "first", details={"next": 7})
            raise RuntimeError("stumbled")
        return ctx.details["next"]

    async with runner:
        done = await run(client, queue, "batch", retry=RETRY)
    assert done["output"] == 7
    assert found[0] == (1, None, None)
    attempt, checkpoint, details = found[1]
    assert (attempt, details) == (2, {"next": 7})
    assert checkpoint["attempt"] == 1
    assert checkpoint["state"] == {"rows": 1}
    assert checkpoint["progress"]["fraction"] == 0.25


async def test_how_a_handler_fails_is_told_with_its_traceback(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler("raises")
    async def raises(ctx: Context, input: Any) -> None:
        raise RuntimeError("boom " * 1000)

    @runner.handler("refuses")
    def refuses(ctx: SyncContext, input: Any) -> None:
        raise NonRetryable("no \ud800", code="quota_exhausted", detail="d", hint="pay")

    @runner.handler("key")
    async def key(ctx: Context, input: Any) -> Any:
        return dict[str, int]()["missing"]

    @runner.handler("exits")
    def exits(ctx: SyncContext, input: Any) -> None:
        raise SystemExit(3)

    async with runner:
        raised = await run(client, queue, "raises", retry=RETRY)
        refused = await run(client, queue, "refuses", retry=RETRY)
        missing = await run(client, queue, "key", retry=RETRY)
        left = await run(client, queue, "exits")
        unknown = await run(client, queue, "nobody", retry=RETRY)
    error = raised["error"]
    assert error is not None
    assert raised["attempt"] == 3
    assert error["code"] == "runner_error"
    assert error["message"].startswith("RuntimeError: boom")
    assert "raise RuntimeError" in (error.get("detail") or "")
    error = refused["error"]
    assert error == {
        "code": "quota_exhausted",
        "message": "no ?",
        "detail": "d",
        "hint": "pay",
        "retryable": False,
    }
    assert (refused["attempt"], missing["attempt"]) == (1, 1)
    assert left["phase"] == "failed"
    assert (unknown["attempt"], unknown.get("reason")) == (1, "definition_invalid")
    assert "raises" in (unknown["error"] or {"message": ""})["message"]


async def test_a_runner_takes_no_more_than_its_slots_and_serves_all_its_queues(
    client: Client, queue: str, transport: TransportName
) -> None:
    queues = [f"{queue}-{number}" for number in range(3)]
    runner = Runner(client, queues, slots=2, transport=transport)
    at_once = most = 0

    @runner.handler()
    async def counts(ctx: Context, input: Any) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1

    async with runner:
        runs = [run(client, of, "x") for of in queues * 4]
        assert {done["phase"] for done in await asyncio.gather(*runs)} == {"completed"}
    assert most <= 2


async def test_a_runner_that_the_server_will_not_have_says_so(client: Client) -> None:
    several: list[dict[str, Any]] = [
        {"queues": ["no spaces"]},
        {"queues": []},
        {"queues": ["a", "a"]},
        {"slots": 0},
        {"id": "ü"},
        {"transport": "pigeon"},
        {"buffer_bytes": 0},
    ]
    for wrong in several:
        with pytest.raises(ValueError, match=r"must|known"):
            Runner(client, **wrong)
    runner = Runner(client)

    def nothing(ctx: SyncContext, input: Any) -> None:
        pass

    for name in ("x", None):
        runner.handler(name)(nothing)
        with pytest.raises(ValueError, match="already"):
            runner.handler(name)(nothing)


async def test_what_a_runner_is_can_be_seen(
    client: Client, queue: str, runner: Runner, shared: Any
) -> None:
    async with runner, httpx.AsyncClient(base_url=shared.url) as http:
        for _ in range(200):
            answer = await http.get(f"/v1/runners/{runner.id}")
            if answer.status_code == 200:
                break
            await asyncio.sleep(0.02)
        known = answer.json()
    assert known["version"].startswith("heartline-python/")
    assert queue in known["queues"]
