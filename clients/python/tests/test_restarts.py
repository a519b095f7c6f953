"""The server is killed again and again: nothing is lost, nothing is written twice."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING, Any

from heartline import Client, Context, Runner, SyncContext

if TYPE_CHECKING:
    from heartline._session import TransportName
    from heartline.wire import Event

    from .server import Server

EXECUTIONS = 12
TOKENS = 250
KILLS = 5
RETRY: Any = {"max_attempts": 5, "initial_backoff": "100ms"}
TIMEOUTS: Any = {"heartbeat": "5s"}


async def test_every_token_is_there_once_and_in_order_after_five_kills(
    own: Server, transport: TransportName
) -> None:
    async with Client(own.url) as client:
        runner = Runner(client, ["load"], slots=EXECUTIONS // 2, transport=transport)

        @runner.handler("stream")
        async def stream(ctx: Context, input: Any) -> int:
            async with ctx.message() as message:
                for number in range(TOKENS):
                    await message.write(f"{number} ")
                    await ctx.emit("CUSTOM", {"name": "token", "value": number})
                    await asyncio.sleep(random.uniform(0, 0.02))
            return TOKENS

        @runner.handler("plain")
        def plain(ctx: SyncContext, input: Any) -> int:
            with ctx.message() as message:
                for number in range(TOKENS):
                    message.write(f"{number} ")
                    ctx.emit("CUSTOM", {"name": "token", "value": number})
                    ctx.sleep(random.uniform(0, 0.02))
            return TOKENS

        seen: dict[str, list[Event]] = {}

        async def follow(id: str) -> None:
            async for event in client.watch(id):
                seen[id].append(event)

        async with runner:
            followers = []
            for name in itertools.islice(itertools.cycle(["stream", "plain"]), EXECUTIONS):
                created = await client.create(
                    "agent", name, queue="load", retry=RETRY, timeouts=TIMEOUTS
                )
                id = created["execution"]["id"]
                seen[id] = []
                followers.append(asyncio.create_task(follow(id)))
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(0.7, 1.2))
                own.kill()
                await asyncio.sleep(random.uniform(0, 0.5))
                await asyncio.to_thread(own.start)
            await asyncio.wait_for(asyncio.gather(*followers), 60)

        for id, events in seen.items():
            assert await whole_log(client, id) == events
            check(events)


async def whole_log(client: Client, id: str) -> list[Event]:
    events: list[Event] = []
    while True:
        page = await client.events(id, after=len(events), limit=500)
        events += page["events"]
        if len(events) == page["head"]:
            assert page["terminal"]
            return events


def check(events: list[Event]) -> None:
    assert [event["prev"] for event in events] == list(range(len(events)))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "execution.completed", events[-1]
    assert events[-1]["data"]["output"] == TOKENS
    tokens = [e["data"]["value"] for e in events if e["data"].get("name") == "token"]
    assert tokens == list(range(TOKENS))
    text = "".join(e["data"]["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT")
    assert text == "".join(f"{number} " for number in range(TOKENS))
    # An attempt that the runner never heard of may have been lost with the server, but of those
    # that it did hear of, none.
    writers = {e["attempt"] for e in events if not e["type"].startswith("execution.")}
    assert len(writers) == 1
