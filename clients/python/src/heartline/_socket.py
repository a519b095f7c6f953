"""The WebSocket for runners: work is pushed, calls are frames, answers name them.

When the socket is lost it comes back with the same session and keeps its leases, if it is soon
enough; what had no answer by then is repeated by whoever asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ._backoff import LONGEST_HELD, Backoff
from ._http import CONNECT, Lost, answer
from ._json import encode, seconds
from ._watch import FRAME_BYTES, PING
from .errors import HeartlineError, Problem, TooLarge

if TYPE_CHECKING:
    from ._lease import Lease
    from ._session import Session

log = logging.getLogger("heartline")

PROTOCOL = "heartline.runner.v1.json"
ANSWER = 60.0
"""Seconds after which an answer that did not come counts as lost."""
REGISTER = 10.0
"""Seconds for the server to take the runner; what it gives a runner, too."""
MESSAGE_BYTES = 1 << 20
"""Largest message where the server does not say."""
BEATS = 2_000
"""Leases of one heartbeat frame: a fifth of the largest message."""
FASTEST_BEAT = 0.05
CLOSED_BY_NOW = 5.0
"""Seconds in which the server closes the socket of a runner that is drained and holds nothing."""


class NoSocket(Exception):
    """The server has no WebSocket for runners."""


class Socket:
    """The transport over `/v1/runner`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.settings
        self._id: str | None = None
        self._heartbeat = 10.0
        self._message_bytes = MESSAGE_BYTES
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._connection: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._backoff = Backoff(LONGEST_HELD)
        self._not_before: float | None = None

    # ---- calls -----------------------------------------------------------------------------

    async def call(self, lease: Lease, op: str, members: bytes) -> int:
        """See `Courier`."""
        await self._ready.wait()
        connection = self._connection
        if connection is None:
            raise Lost(ConnectionError("the connection was lost"))
        id = next(self._ids)
        of = b'{"op":"%b","id":%d,"execution":"%b","lease":"%b"'
        frame = of % (op.encode(), id, lease.id.encode(), lease.token.encode())
        frame += (b"," + members if members else b"") + b"}"
        if len(frame) > self._message_bytes:
            detail = f"it has {len(frame)} bytes; at most {self._message_bytes} are allowed"
            raise TooLarge(413, "body_too_large", detail)
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[id] = answered
        try:
            await connection.send(frame, text=True)
            await asyncio.wait({answered}, timeout=ANSWER)
            if not answered.done():
                raise Lost(TimeoutError("there was no answer in time"))
            return answered.result()
        except ConnectionClosed as error:
            raise Lost(error) from error
        finally:
            self._answers.pop(id, None)

    # ---- the connection --------------------------------------------------------------------

    async def run(self) -> None:
        """See `Transport`."""
        done = False
        while not done:
            pause: float | None = None
            try:
                async with self._connect() as connection:
                    done = await self._serve(connection)
                why: object = "closed by the server"
            except InvalidStatus as refused:
                why = refused
                pause = self._refused(refused)
            except Problem as problem:
                if not problem.transient and problem.code != "runner_connected":
                    raise
                why, pause = problem, problem.retry_after
            except (OSError, WebSocketException, asyncio.TimeoutError) as error:
                why = f"{type(error).__name__}: {error}"
            if done or (self._session.draining.is_set() and not self._session.leases):
                return
            wait = self._backoff.next(pause or self._not_before)
            self._not_before = None
            level = logging.WARNING if isinstance(why, Problem) else logging.INFO
            log.log(level, "the runner is not connected (%s); again in %.1f s", why, wait)
            await asyncio.sleep(wait)

    def _connect(self) -> connect:
        server = self._settings.server
        return connect(
            server.websocket("/v1/runner"),
            subprotocols=[cast("Any", PROTOCOL)],
            additional_headers=server.headers,
            compression=None,
            max_size=FRAME_BYTES,
            open_timeout=CONNECT,
            close_timeout=1,
            ping_interval=PING,
            ping_timeout=PING,
        )

    def _refused(self, refused: InvalidStatus) -> float | None:
        response = refused.response
        if response.status_code == 404 and self._id is None:
            raise NoSocket from refused
        try:
            answer(response.status_code, response.headers, bytes(response.body or b""))
        except Problem as problem:
            if problem.transient or response.status_code == 404:
                return problem.retry_after
            raise
        except HeartlineError:
            pass
        raise HeartlineError(f"{refused}") from refused

    async def _serve(self, connection: ClientConnection) -> bool:
        """One connection, to its end; whether nothing is left to do."""
        registered = asyncio.Event()
        reader = asyncio.create_task(self._read(connection, registered))
        side = [asyncio.create_task(self._beat(connection, registered))]
        side.append(asyncio.create_task(self._drain(connection, registered)))
        try:
            await connection.send(self._register(), text=True)
            await asyncio.wait({reader}, timeout=REGISTER)
            if not reader.done() and not registered.is_set():
                raise asyncio.TimeoutError("the runner was not registered in time")
            await reader
            return self._session.draining.is_set() and not self._session.leases
        finally:
            self._ready.clear()
            self._connection = None
            for task in (reader, *side):
                task.cancel()
            for task in (reader, *side):
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(Lost(ConnectionError("the connection was lost")))

    def _register(self) -> bytes:
        settings = self._settings
        frame: dict[str, Any] = {
            "op": "register",
            "id": 0,
            "runner": settings.runner,
            "queues": settings.queues,
            "slots": settings.slots,
        }
        if self._id is not None:
            frame["session"] = self._id
            # Those that have not ended first: the server takes no more than there are slots.
            leases = sorted(self._session.leases.values(), key=lambda lease: lease.ending)
            held = [{"execution": lease.id, "lease": lease.token} for lease in leases]
            frame["leases"] = held[: settings.slots]
        return encode(frame)

    async def _read(self, connection: ClientConnection, registered: asyncio.Event) -> None:
        try:
            async for text in connection:
                frame: dict[str, Any] = json.loads(text)
                if frame.get("op") == "registered":
                    self._registered(connection, frame)
                    registered.set()
                else:
                    self._take(frame)
        except ConnectionClosed:
            return
        except (KeyError, TypeError, ValueError) as error:
            raise HeartlineError(f"the server said what cannot be read: {error!r}") from error

    def _registered(self, connection: ClientConnection, frame: dict[str, Any]) -> None:
        self._id = frame["session"]
        self._heartbeat = seconds(frame.get("heartbeat", ""), self._heartbeat)
        kept = {held["lease"] for held in frame.get("leases", ())}
        for token in [token for token in self._session.leases if token not in kept]:
            self._session.revoked(token, "the runner came back too late")
        self._connection = connection
        self._backoff.reset()
        self._ready.set()

    def _take(self, frame: dict[str, Any]) -> None:
        # Nothing is said here, pongs included: while a send waited for the server, its answers
        # would not be read, and it might wait for that. Heartbeats are sign of life enough.
        session = self._session
        op = frame.get("op")
        if op in ("ack", "error"):
            self._answered(frame)
        elif op == "lease":
            session.granted(cast("Any", frame))
        elif op == "cancel":
            session.cancel(frame["lease"], frame.get("reason"), frame.get("deadline"))
        elif op == "revoked":
            session.revoked(frame["lease"], str(frame.get("reason", "")))
        elif op == "resumed":
            session.resumed(frame["lease"], int(frame["seq"]), frame.get("input"))
        elif op == "reconnect":
            # Not later than leases are kept for.
            self._not_before = min(seconds(str(frame.get("after")), 0.0), LONGEST_HELD)
        elif op == "hello":
            limits = frame.get("limits") or {}
            self._message_bytes = int(limits.get("message_bytes", MESSAGE_BYTES))

    def _answered(self, frame: dict[str, Any]) -> None:
        id = frame.get("id")
        problem = Problem.parse(frame.get("problem")) if frame["op"] == "error" else None
        if problem is not None and id in (0, None) and not self._ready.is_set():
            raise problem
        waiting = self._answers.get(id) if isinstance(id, int) else None
        if waiting is None or waiting.done():
            if problem is not None:
                log.warning("the server complains: %s", problem)
            return
        if problem is None:
            waiting.set_result(int(frame.get("seq") or 0))
        else:
            waiting.set_exception(problem)

    # ---- beside the calls ------------------------------------------------------------------

    async def _beat(self, connection: ClientConnection, registered: asyncio.Event) -> None:
        """Signs of life, of all leases at once."""
        await registered.wait()
        session = self._session
        with contextlib.suppress(ConnectionClosed):
            while True:
                leases = list(session.leases.values())
                beats = [{"execution": lease.id, "lease": lease.token} for lease in leases]
                for start in range(0, max(len(beats), 1), BEATS):
                    beat = {"op": "heartbeat", "executions": beats[start : start + BEATS]}
                    await connection.send(encode(beat), text=True)
                sent = time.monotonic()
                while (left := sent + self._beat_every() - time.monotonic()) > 0:
                    # A lease may come with a shorter clock.
                    changed = asyncio.ensure_future(session.changed.wait())
                    try:
                        await asyncio.wait({changed}, timeout=left)
                    finally:
                        changed.cancel()
                    # Many come at once.
                    await asyncio.sleep(FASTEST_BEAT)

    def _beat_every(self) -> float:
        """Seconds: three in the time in which the server wants one of the hastiest lease."""
        hastiest = min((lease.heartbeat for lease in self._session.leases.values()), default=60.0)
        return max(min(self._heartbeat, hastiest / 3), FASTEST_BEAT)

    async def _drain(self, connection: ClientConnection, registered: asyncio.Event) -> None:
        """Takes no more once the runner is to end; the server closes when nothing is held."""
        await registered.wait()
        await self._session.draining.wait()
        with contextlib.suppress(ConnectionClosed):
            await connection.send(b'{"op":"drain"}', text=True)
            await self._session.idle()
            await asyncio.sleep(CLOSED_BY_NOW)
            await connection.close()
