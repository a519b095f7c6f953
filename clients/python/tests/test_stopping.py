"""How handlers and runners stop: cancelled, superseded, drained."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from heartline import (
    Cancelled,
    Client,
    Context,
    Revoked,
    Runner,
    SyncContext,
)

from .conftest import RETRY, run

if TYPE_CHECKING:
    from heartline._session import TransportName
    from heartline.wire import TimeoutChanges


async def types(client: Client, id: str) -> list[str]:
    return [event["type"] for event in (await client.events(id, limit=1000))["events"]]


async def test_cancelling_a_coroutine_is_task_cancellation(
    client: Client, queue: str, runner: Runner
) -> None:
    told: list[str | None] = []

    @runner.handler("sleeps")
    async def sleeps(ctx: Context, input: Any) -> None:
        await ctx.log("asleep")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            told.append(ctx.cancel_reason)
            assert ctx.cancelled.is_set()
            assert ctx.cancel_deadline is not None
            await ctx.log("cleaned up")
            raise

    async with runner:
        id = (await client.create("agent", "sleeps", queue=queue))["execution"]["id"]
        async for event in client.watch(id):
            if event["type"] == "CUSTOM" and event["data"]["value"]["message"] == "asleep":
                await client.cancel(id, "enough")
        done = await client.get(id)
    assert (done["phase"], done.get("reason")) == ("cancelled", "cancel_requested")
    assert done.get("error") is None
    assert told == ["enough"]
    seen = await types(client, id)
    assert seen.index("execution.cancel_acknowledged") < seen.index("execution.cancelled")
    assert "execution.cancel_delivered" in seen


async def test_cancelling_a_thread_sets_an_event_that_sleep_and_check_raise(
    client: Client, queue: str, runner: Runner
) -> None:
    ended = threading.Event()

    @runner.handler("works")
    def works(ctx: SyncContext, input: Any) -> None:
        ctx.log("at work")
        try:
            ctx.sleep(60)
        except Exception:
            pytest.fail("Cancelled must not be caught by `except Exception`")
        except Cancelled:
            with pytest.raises(Cancelled):
                ctx.check()
            ended.set()
            raise

    @runner.handler("asks")
    def asks(ctx: SyncContext, input: Any) -> None:
        ctx.wait("really?")

    async with runner:
        for name, sign in [("works", "CUSTOM"), ("asks", "execution.waiting")]:
            id = (await client.create("agent", name, queue=queue))["execution"]["id"]
            async for event in client.watch(id):
                if event["type"] == sign:
                    await client.cancel(id)
            assert (await client.get(id)).get("reason") == "cancel_requested"
    assert ended.is_set()


async def test_a_handler_may_finish_although_it_was_cancelled(
    client: Client, queue: str, runner: Runner
) -> None:
    @runner.handler("finishes")
    async def finishes(ctx: Context, input: Any) -> str:
        await ctx.log("begun")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "done all the same"

    async with runner:
        id = (await client.create("agent", "finishes", queue=queue))["execution"]["id"]
        async for event in client.watch(id):
            if event["type"] == "CUSTOM":
                await client.cancel(id)
        assert await client.result(id) == "done all the same"


async def test_a_superseded_runner_is_told_and_writes_nothing_more(
    client: Client, queue: str, runner: Runner
) -> None:
    attempts: list[int] = []
    refused = threading.Event()

    @runner.handler("slow")
    def slow(ctx: SyncContext, input: Any) -> Any:
        attempts.append(ctx.attempt)
        ctx.log(f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            ctx.cancelled.wait(10)
            try:
                ctx.log("too late")
            except Revoked:
                refused.set()
            return "never seen"
        return "second"

    async with runner:
        # The server takes the lease away: an attempt may last so long only.
        timeouts: TimeoutChanges = {"start_to_close": "300ms"}
        done = await run(client, queue, "slow", retry=RETRY, timeouts=timeouts)
        await asyncio.to_thread(refused.wait, 5)
    assert refused.is_set()
    assert (done["output"], attempts) == ("second", [1, 2])
    page = await client.events(done["id"], limit=100)
    assert "too late" not in str(page)


async def test_draining_finishes_what_runs_and_stopping_hands_it_back(
    client: Client, queue: str, transport: TransportName
) -> None:
    begun = asyncio.Event()
    stuck = threading.Event()
    release = asyncio.Event()

    def make() -> Runner:
        made = Runner(client, [queue], slots=2, transport=transport, stop_grace=0.5)

        @made.handler("finishes")
        async def finishes(ctx: Context, input: Any) -> str:
            begun.set()
            await release.wait()
            return "finished"

        @made.handler("stubborn")
        def stubborn(ctx: SyncContext, input: Any) -> str:
            stuck.set()
            time.sleep(3)
            return "ignored"

        return made

    async with make() as runner:
        first = (await client.create("agent", "finishes", queue=queue))["execution"]["id"]
        await asyncio.wait_for(begun.wait(), 10)
        runner.drain()
        # Over HTTP the long poll that is under way may bring one more, which is then finished.
        late = (await client.create("agent", "finishes", queue=queue))["execution"]["id"]
        await asyncio.sleep(0.2)
        release.set()
        await asyncio.wait_for(runner.wait(), 10)
    assert await client.result(first) == "finished"
    phase = (await client.get(late))["phase"]
    if transport == "http":
        assert phase in ("pending", "completed")
    else:
        assert phase == "pending"
    if phase == "pending":
        await client.cancel(late)

    begun.clear()
    release.clear()
    async with make() as runner:
        ids = [
            (await client.create("agent", name, queue=queue))["execution"]["id"]
            for name in ("finishes", "stubborn")
        ]
        await asyncio.wait_for(begun.wait(), 10)
        assert await asyncio.to_thread(stuck.wait, 10)
        runner.stop()
        await asyncio.wait_for(runner.wait(), 10)
    for id in ids:
        error = (await client.get(id)).get("error")
        assert error is not None
        assert (error["code"], error["retryable"]) == ("runner_stopped", True)


async def test_a_coroutine_that_is_cancelled_before_it_begins_never_does(
    client: Client, queue: str, runner: Runner
) -> None:
    begun: list[str] = []

    @runner.handler()
    async def never(ctx: Context, input: Any) -> None:
        begun.append(ctx.id)

    async def created_and_cancelled() -> str:
        async with Client(client.server.url) as other:
            id = (await other.create("agent", "x", queue=queue))["execution"]["id"]
            until = time.monotonic() + 10
            while not runner._works and time.monotonic() < until:
                await asyncio.sleep(0.01)
            await other.cancel(id)
            return id

    async with runner:
        with ThreadPoolExecutor(1) as beside:
            # Both waits block the event loop, so that nothing can begin there meanwhile.
            id = beside.submit(asyncio.run, created_and_cancelled()).result()
            (work,) = runner._works
            assert work.lease.cancelled.wait(10)
        done = await client.wait(id, 10)
    assert (done["phase"], done.get("error"), begun) == ("cancelled", None, [])
