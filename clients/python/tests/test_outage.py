"""The server is away: memory stays bounded, and everything is written once it is back."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from heartline import Client, Context, Runner, SyncContext

from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from heartline._session import TransportName

EVENTS = 2000
BUFFER = 100_000
FILLER = "x" * 500


async def test_a_handler_waits_while_the_server_is_away(
    own: Server, transport: TransportName
) -> None:
    said = {"coroutine": 0, "thread": 0}
    away = threading.Event()

    async with Client(own.url) as client:
        runner = Runner(client, slots=2, transport=transport, buffer_bytes=BUFFER)

        @runner.handler("coroutine")
        async def coroutine(ctx: Context, input: Any) -> None:
            for number in range(EVENTS):
                if number == 100:
                    await asyncio.to_thread(away.wait)
                await ctx.emit("CUSTOM", {"name": "n", "value": [number, FILLER]})
                said["coroutine"] += 1

        @runner.handler("thread")
        def thread(ctx: SyncContext, input: Any) -> None:
            for number in range(EVENTS):
                if number == 100:
                    away.wait()
                ctx.emit("CUSTOM", {"name": "n", "value": [number, FILLER]})
                said["thread"] += 1

        async with runner:
            ids = [(await client.create("agent", name))["execution"]["id"] for name in said]
            while min(said.values()) < 100:
                await asyncio.sleep(0.01)
            own.kill()
            away.set()
            await asyncio.sleep(0.7)
            stuck = dict(said)
            await asyncio.sleep(0.3)
            assert said == stuck
            # What is under way, what waits, and the one event that each handler holds.
            assert all(count - 100 <= BUFFER / len(FILLER) for count in stuck.values())
            assert runner._session is not None
            held = [lease.outbox.waiting[1] for lease in runner._session.leases.values()]
            assert all(0 < size <= BUFFER for size in held)
            assert len(held) == 2
            await asyncio.to_thread(own.start)
            for id in ids:
                done = await client.wait(id, 30)
                assert (done["phase"], done["attempt"]) == ("completed", 1), done.get("error")

        for id in ids:
            numbers: list[int] = []
            after = 0
            while True:
                page = await client.events(id, after=after, limit=1000)
                numbers += [e["data"]["value"][0] for e in page["events"] if e["type"] == "CUSTOM"]
                if not page["events"]:
                    break
                after = page["events"][-1]["seq"]
            assert numbers == list(range(EVENTS))


async def test_an_answer_that_was_given_while_the_runner_was_away_reaches_it(
    own: Server, transport: TransportName
) -> None:
    async with Client(own.url) as client:
        runner = Runner(client, transport=transport)

        @runner.handler()
        async def asks(ctx: Context, input: Any) -> Any:
            return await ctx.wait("?")

        async with runner:
            id = (await client.create("agent", "x"))["execution"]["id"]
            async for event in client.watch(id):
                if event["type"] == "execution.waiting":
                    break
            own.kill()
            await asyncio.to_thread(own.start)
            await client.resume(id, 42)
            assert await client.result(id, 20) == 42


async def test_a_handler_that_says_nothing_keeps_its_lease_through_a_restart(
    binary: None, tmp_path: Path, transport: TransportName
) -> None:
    own = Server(tmp_path, HEARTLINE_SUPERVISION_BOOT_GRACE="1500ms")
    own.start()
    try:
        async with Client(own.url) as client:
            runner = Runner(client, transport=transport)
            begun = asyncio.Event()

            @runner.handler()
            async def silent(ctx: Context, input: Any) -> str:
                begun.set()
                await asyncio.sleep(3)
                return "still mine"

            async with runner:
                id = (await client.create("agent", "x"))["execution"]["id"]
                await asyncio.wait_for(begun.wait(), 10)
                own.kill()
                await asyncio.to_thread(own.start)
                done = await client.wait(id, 20)
                assert (done["output"], done["attempt"]) == ("still mine", 1), done.get("error")
    finally:
        own.stop()


async def test_a_cancellation_comes_through_a_restart(
    own: Server, transport: TransportName
) -> None:
    begun = asyncio.Event()
    async with Client(own.url) as client:
        runner = Runner(client, transport=transport)

        @runner.handler()
        async def sleeps(ctx: Context, input: Any) -> None:
            begun.set()
            await asyncio.sleep(60)

        async with runner:
            id = (await client.create("agent", "x"))["execution"]["id"]
            await asyncio.wait_for(begun.wait(), 10)
            own.kill()
            await asyncio.to_thread(own.start)
            began = time.monotonic()
            await client.cancel(id)
            done = await client.wait(id, 20)
            assert (done["phase"], done.get("error")) == ("cancelled", None)
            assert time.monotonic() - began < 5
