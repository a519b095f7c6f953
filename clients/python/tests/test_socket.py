"""The WebSocket for runners, against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import serve

from heartline import Client, Context, Forbidden, HeartlineError, Runner, SyncContext
from heartline._poll import Poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    from heartline._session import TransportName

    Script = Callable[["Peer"], Awaitable[None]]

ID = "aex_" + "0" * 32


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def say(self, **frame: Any) -> None:
        await self._connection.send(json.dumps(frame))

    async def hear(self, op: str) -> dict[str, Any]:
        """The next frame with this op."""
        while True:
            frame: dict[str, Any] = json.loads(await self._connection.recv())
            if frame["op"] == op:
                return frame

    async def register(self, *leases: str) -> dict[str, Any]:
        await self.say(op="hello", limits={"message_bytes": 4096}, heartbeat="25s")
        frame = await self.hear("register")
        held = [{"execution": ID, "lease": lease} for lease in leases]
        await self.say(op="registered", session="s1", heartbeat="10s", leases=held)
        await self.say(op="something", new=True)
        return frame

    async def lease(self, token: str, name: str) -> None:
        execution = {"id": ID, "name": name, "seq": 2, "state": {}}
        await self.say(op="lease", execution=execution, attempt=1, lease=token, heartbeat="30s")

    async def ack(self, frame: dict[str, Any], seq: int = 3) -> None:
        await self.say(op="ack", id=frame["id"], seq=seq)

    def cut(self) -> None:
        self._connection.transport.abort()


@contextlib.asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[Client]:
    """A server that plays one script for each connection; the test fails if one does."""
    failed: list[BaseException] = []
    rest = iter(scripts)

    async def handle(connection: ServerConnection) -> None:
        try:
            script = next(rest, None)
            if script is not None:
                await asyncio.wait_for(script(Peer(connection)), 10)
        except BaseException as error:
            failed.append(error)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}") as client:
            yield client
    if failed:
        raise failed[0]


async def test_a_batch_without_an_answer_comes_again_under_its_number() -> None:
    heard: list[dict[str, Any]] = []

    async def first(peer: Peer) -> None:
        frame = await peer.register()
        assert "session" not in frame
        assert (frame["queues"], frame["slots"]) == (["agents"], 1)
        await peer.lease("a", "says")
        heard.append(await peer.hear("events"))
        peer.cut()

    async def second(peer: Peer) -> None:
        frame = await peer.register("a")
        assert frame["session"] == "s1"
        assert frame["leases"] == [{"execution": ID, "lease": "a"}]
        heard.append(await peer.hear("events"))
        await peer.ack(heard[1])
        heard.append(await peer.hear("complete"))
        peer.cut()

    async def third(peer: Peer) -> None:
        # It has ended as far as the server is concerned; the answer was lost.
        await peer.register()
        heard.append(await peer.hear("complete"))
        await peer.ack(heard[-1])
        await peer.hear("drain")

    async with scripted(first, second, third) as client:
        runner = Runner(client)

        @runner.handler("says")
        async def says(ctx: Context, input: Any) -> int:
            await ctx.log("once")
            return 1

        async with runner:
            while len(heard) < 4:
                await asyncio.sleep(0.01)
    events, again, complete, complete_again = heard
    assert (events["batch"], events["events"]) == (again["batch"], again["events"])
    assert complete["output"] == complete_again["output"] == 1


async def test_a_lease_that_the_server_does_not_keep_is_stopped() -> None:
    stopped = threading.Event()

    async def first(peer: Peer) -> None:
        await peer.register()
        await peer.lease("a", "works")
        await peer.hear("events")
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.register()
        frame = json.loads(await peer._connection.recv())
        assert frame == {"op": "heartbeat", "executions": []}
        await peer.hear("drain")

    async with scripted(first, second) as client:
        runner = Runner(client)

        @runner.handler("works")
        def works(ctx: SyncContext, input: Any) -> None:
            ctx.log("at work")
            try:
                ctx.sleep(10)
            finally:
                stopped.set()

        async with runner:
            assert await asyncio.to_thread(stopped.wait, 10)


async def test_a_batch_that_is_too_large_for_this_server_is_sent_in_parts() -> None:
    heard: list[int] = []
    batches: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.register()
        await peer.lease("a", "says")
        while len(heard) < 100:
            frame = await peer.hear("events")
            assert len(json.dumps(frame, separators=(",", ":"))) <= 4096
            batches.append(frame["batch"])
            heard.extend(event["data"]["value"][0] for event in frame["events"])
            await peer.ack(frame)
        await peer.ack(await peer.hear("complete"))
        await peer.hear("drain")

    async with scripted(script) as client:
        runner = Runner(client)
        ended = threading.Event()

        @runner.handler()
        def says(ctx: SyncContext, input: Any) -> None:
            for number in range(100):
                ctx.emit("CUSTOM", {"name": "n", "value": [number, "x" * 100]})
            ctx.flush()
            ended.set()

        async with runner:
            assert await asyncio.to_thread(ended.wait, 10)
    assert heard == list(range(100))
    assert batches == sorted(set(batches))


async def test_pings_answers_and_limits() -> None:
    async def script(peer: Peer) -> None:
        await peer.register()
        await peer.say(op="ping", t=7)
        await peer.lease("a", "asks")
        await peer.lease("a", "asks")
        wait = await peer.hear("wait")
        assert wait["hold"] is True
        # The answer overtakes the acknowledgement, and comes twice.
        for _ in range(2):
            await peer.say(op="resumed", execution=ID, lease="a", seq=9, input="yes")
        await peer.ack(wait, 8)
        busy = {"status": 503, "code": "overloaded", "detail": "later"}
        refused = await peer.hear("events")
        await peer.say(op="error", id=refused["id"], problem=busy)
        again = await peer.hear("events")
        assert again["batch"] == refused["batch"] > wait["batch"]
        await peer.ack(again)
        # Larger than this server takes: it is not even sent.
        fail = await peer.hear("fail")
        assert fail["error"]["code"] == "output_rejected"
        await peer.ack(fail)
        await peer.hear("drain")

    async with scripted(script) as client:
        runner = Runner(client)
        ended = threading.Event()

        @runner.handler("asks")
        def asks(ctx: SyncContext, input: Any) -> str:
            assert ctx.wait("?") == "yes"
            ctx.log("answered")
            ctx.flush()
            ended.set()
            return "x" * 5000

        async with runner:
            assert await asyncio.to_thread(ended.wait, 10)
            runner.drain()
            await runner.wait()


async def answering(status: int, code: str) -> Client:
    """A client of a server that answers every request the same. It lives as long as the test."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"status": status, "code": code, "detail": "no"})
        head = f"HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_without_the_socket_it_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    polled = threading.Event()

    async def run(self: Poll) -> None:
        polled.set()
        await self._session.draining.wait()

    monkeypatch.setattr(Poll, "run", run)
    client = await answering(404, "route_not_found")
    async with client, Runner(client):
        assert await asyncio.to_thread(polled.wait, 10)
    with pytest.raises(HeartlineError, match="no WebSocket for runners"):
        await Runner(client, transport="websocket").run()


async def test_a_runner_without_leave_ends_with_the_reason() -> None:
    transports: list[TransportName] = ["websocket", "http"]
    for transport in transports:
        async with await answering(403, "not_allowed") as client:
            with pytest.raises(Forbidden, match="not_allowed"):
                await Runner(client, transport=transport).run()
