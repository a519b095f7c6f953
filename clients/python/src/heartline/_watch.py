"""The events of one execution, each once and in order, for as long as it takes.

It resumes by seq: when the connection breaks or the server restarts, it subscribes again after the
last event that it handed out. What comes twice is dropped; what would leave a gap is asked for
again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from ._backoff import LONGEST, Backoff
from ._http import CONNECT, Server, answer
from .errors import Gap, HeartlineError, Problem, Reset, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .wire import Event, ViewName

log = logging.getLogger("heartline")

PROTOCOL = "heartline.v1.json"
GAPS = 3
"""Subscriptions in a row that may leave a gap before that counts as a defect."""
FRAME_BYTES = 64 << 20
"""Largest frame that is read: an execution with all its state, and room to spare."""
PING = 10.0
"""Seconds between two pings, and that an answer may take: a dead connection is noticed by then."""


async def watch(
    server: Server, id: str, after: int, view: ViewName, patience: float
) -> AsyncGenerator[Event, None]:
    """See `heartline.Client.watch`."""
    cursor = Cursor(id, after, view)
    backoff = Backoff()
    gaps = 0
    lost_since: float | None = None
    while True:
        reached, subscribed = cursor.at, math.inf
        try:
            async with connect(
                server.websocket("/v1/ws"),
                subprotocols=[cast("Any", PROTOCOL)],
                additional_headers=server.headers,
                compression=None,
                max_size=FRAME_BYTES,
                open_timeout=CONNECT,
                close_timeout=1,
                ping_interval=PING,
                ping_timeout=PING,
            ) as socket:
                await socket.send(cursor.subscription())
                async for text in socket:
                    frame: dict[str, Any] = json.loads(text)
                    op = frame.get("op")
                    if op == "subscribed":
                        subscribed = time.monotonic()
                    if op == "event":
                        event = cursor.take(frame["event"])
                        if event is not None:
                            yield event
                    elif cursor.ends(frame):
                        return
            why: Exception = ConnectionError("the server closed the connection")
        except _Missing as missing:
            gaps = gaps + 1 if cursor.at == reached else 1
            if gaps >= GAPS:
                raise Gap(id, cursor.at, missing.seq) from None
            why = missing
        except InvalidStatus as refused:
            why = _refusal(refused)
        except Problem as problem:
            why = problem
        except (OSError, WebSocketException, asyncio.TimeoutError) as error:
            why = error
        if isinstance(why, HeartlineError) and not (isinstance(why, Problem) and why.transient):
            raise why
        now = time.monotonic()
        # That it was opened says nothing yet: the server may refuse right after.
        if cursor.at > reached or now - subscribed > LONGEST:
            backoff.reset()
            lost_since = None
        lost_since = now if lost_since is None else lost_since
        if now - lost_since > patience:
            raise Unreachable(f"{server.url}: {why}") from why
        log.debug("the watch of %s resumes after %d: %s", id, cursor.at, why)
        await asyncio.sleep(backoff.next(why.retry_after if isinstance(why, Problem) else None))


def _refusal(refused: InvalidStatus) -> HeartlineError:
    response = refused.response
    try:
        answer(response.status_code, response.headers, bytes(response.body or b""))
    except HeartlineError as error:
        return error
    return HeartlineError(f"{refused}")


class _Missing(Exception):
    """`seq` does not continue what was seen."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"events before {seq} are missing")
        self.seq = seq


class Cursor:
    """A place in a log, and the rules for what may come next."""

    def __init__(self, execution: str, after: int, view: ViewName) -> None:
        self.execution = execution
        self.view = view
        self.at = after
        # Of `full`, every seq is shown; of other views, it is known what was shown before only
        # once something was.
        self._chained = view == "full"
        self._begun = after > 0

    def subscription(self) -> str:
        """The frame that asks for what comes next."""
        frame = {"op": "subscribe", "id": 1, "execution": self.execution}
        return json.dumps({**frame, "after": self.at, "view": self.view, "snapshot": False})

    def take(self, event: Event) -> Event | None:
        """The event if it is the next one, `None` if it was seen.

        Raises:
            _Missing: there must be one in between.
        """
        seq, prev = event["seq"], event["prev"]
        if seq <= self.at:
            return None
        if prev > self.at or (self._chained and prev != self.at):
            raise _Missing(seq)
        self.at = seq
        self._chained = self._begun = True
        return event

    def ends(self, frame: dict[str, Any]) -> bool:
        """Takes any other frame; whether the log is complete.

        Raises:
            Reset: what was read counts no more.
            Problem: the server refuses to go on.
            _Missing: the end came before the last event.
        """
        op = frame.get("op")
        if op == "end":
            if self.view == "full" and self.at < frame["seq"]:
                raise _Missing(frame["seq"])
            return True
        if op == "reset":
            oldest = int(frame.get("oldest", 1))
            if self._begun:
                raise Reset(self.execution, str(frame.get("reason", "")), oldest)
            self.at = max(self.at, oldest - 1)
        elif op == "error":
            raise Problem.parse(frame.get("problem"))
        # `lag` and `live` change nothing for one reader: events come from disk meanwhile.
        # `subscribed`, `ping` and whatever is new need no answer.
        return False
