"""The transport over plain HTTP: work is claimed with long polls, calls are requests.

Equal in meaning to the WebSocket. A long poll of each lease's log tells at once of a cancellation,
an answer, or the loss of the lease, which heartbeats would tell later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from ._backoff import LONGEST, LONGEST_HELD, Backoff
from ._delivery import OVER
from ._http import Http, Lost
from ._json import encode
from .errors import Problem

if TYPE_CHECKING:
    from ._lease import Lease
    from ._session import Session

log = logging.getLogger("heartline")

WAIT = 30.0
"""Seconds of a long poll of a log: well below what servers and middle boxes cut."""
CLAIM = 2.0
"""Seconds of a claim: a runner that is to end waits for it, since it may bring a lease."""
TURN = 1.0
"""Seconds of a claim where there are more queues than slots: each gets its turn."""
SLOWEST_BEAT = 10.0
FASTEST_BEAT = 0.05
MISSED_BEAT = 0.5
"""Seconds after a beat that failed: soon enough for the grace of a restarted server."""
BEATS = 16
"""Heartbeats under way at once."""


class Poll:
    """The transport over HTTP."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.settings
        self._http = Http(session.settings.server)
        self._slots = Slots(session.settings.slots)
        self._asking: set[asyncio.Task[Any] | None] = set()
        self._beats = asyncio.Semaphore(BEATS)
        self._beside: set[asyncio.Task[None]] = set()

    async def call(self, lease: Lease, op: str, members: bytes) -> int:
        """See `Courier`."""
        body = b'{"lease":"%b"%b}' % (lease.token.encode(), b"," + members if members else b"")
        done = await self._http.call("POST", f"/v1/executions/{lease.id}/{op}", body)
        self._heed(lease, done)
        return int(done.get("seq", 0))

    def _heed(self, lease: Lease, told: dict[str, Any]) -> None:
        if told.get("cancel_requested"):
            self._session.cancel(lease.token, None, None)
        if (resumed := told.get("resumed")) is not None:
            self._session.resumed(lease.token, resumed["seq"], resumed["input"])

    async def run(self) -> None:
        """See `Transport`."""
        claims = [asyncio.create_task(self._claim(queue)) for queue in self._settings.queues]
        drain = asyncio.create_task(self._session.draining.wait())
        try:
            done, _ = await asyncio.wait({*claims, drain}, return_when=asyncio.FIRST_COMPLETED)
            for claim in done & {*claims}:
                # They end by an error only.
                claim.result()
            # A claim that is under way may bring a lease that is lost if nobody hears of it.
            await _ended([claim for claim in claims if claim not in self._asking])
            if self._asking:
                await asyncio.wait(claims)
            await self._session.idle()
        finally:
            await _ended([*claims, drain, *self._beside])
            await self._http.aclose()

    # ---- work ------------------------------------------------------------------------------

    async def _claim(self, queue: str) -> None:
        wait = CLAIM if self._settings.slots >= len(self._settings.queues) else TURN
        backoff = Backoff(LONGEST)
        draining = self._session.draining
        while not draining.is_set():
            await self._slots.take()
            try:
                granted = await self._ask(queue, 1, wait)
                # Where there was one, there may be more.
                more = self._slots.take_free() if granted and not draining.is_set() else 0
                if more:
                    try:
                        granted = await self._ask(queue, more, 0.0)
                    except BaseException:
                        self._slots.give_back(more)
                        raise
                    self._slots.give_back(more - granted)
                backoff.reset()
            except (Lost, Problem) as error:
                if isinstance(error, Problem) and not error.transient:
                    raise
                pause = backoff.next(error.retry_after if isinstance(error, Problem) else None)
                log.info("no work from queue %s (%s); again in %.1f s", queue, error, pause)
                await asyncio.sleep(pause)

    async def _ask(self, queue: str, slots: int, wait: float) -> int:
        """Claims; gives one slot back for a long poll that brought nothing."""
        asked = {"runner": self._settings.runner, "slots": slots, "wait": f"{int(wait * 1000)}ms"}
        got = 0
        self._asking.add(asyncio.current_task())
        try:
            path = f"/v1/queues/{queue}/claim"
            claimed = await self._http.call("POST", path, encode(asked), wait=wait)
            for granted in (claimed or {}).get("leases", ()):
                got += 1
                self._take(granted)
        finally:
            self._asking.discard(asyncio.current_task())
            if wait and not got:
                self._slots.give_back(1)
        return got

    def _take(self, granted: Any) -> None:
        self._session.granted(granted)
        lease = self._session.leases.get(granted["lease"])
        if lease is None:
            self._slots.give_back(1)
            return
        task = asyncio.create_task(self._mind(lease))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    # ---- a lease ---------------------------------------------------------------------------

    async def _mind(self, lease: Lease) -> None:
        """Beats and listens, for as long as the lease is held."""
        now = asyncio.Event()
        side = [
            asyncio.create_task(self._beat(lease, now)),
            asyncio.create_task(self._listen(lease, now)),
        ]
        try:
            if lease.delivery is not None:
                await asyncio.wait({lease.delivery})
        finally:
            self._slots.give_back(1)
            await _ended(side)

    async def _beat(self, lease: Lease, now: asyncio.Event) -> None:
        every = min(max(lease.heartbeat / 3, FASTEST_BEAT), SLOWEST_BEAT)
        while True:
            timer = asyncio.get_running_loop().call_later(every, now.set)
            try:
                await now.wait()
            finally:
                timer.cancel()
            now.clear()
            while True:
                try:
                    async with self._beats:
                        path = f"/v1/executions/{lease.id}/heartbeat"
                        body = encode({"lease": lease.token, "knows": lease.answers_known})
                        within = max(every, MISSED_BEAT)
                        told = await self._http.call("POST", path, body, within=within)
                    self._heed(lease, told)
                    break
                except Lost:
                    pause = min(every, MISSED_BEAT)
                except Problem as problem:
                    pause = min(every, MISSED_BEAT)
                    if problem.code in OVER or problem.status in (401, 403):
                        self._session.revoked(lease.token, problem.detail)
                        return
                    log.warning("%s: a heartbeat was refused: %s", lease.id, problem)
                await asyncio.sleep(pause)

    async def _listen(self, lease: Lease, now: asyncio.Event) -> None:
        after = int(lease.execution["seq"])
        backoff = Backoff(LONGEST_HELD)
        lost = False
        while True:
            wait = 0 if lost else int(WAIT)
            params = {"after": str(after), "view": "status", "wait": f"{wait}s"}
            try:
                path = f"/v1/executions/{lease.id}/events"
                page = await self._http.call("GET", path, params=params, wait=wait)
                backoff.reset()
            except Lost:
                lost = True
                await asyncio.sleep(backoff.next())
                continue
            except Problem as problem:
                if problem.code in OVER:
                    self._session.revoked(lease.token, problem.detail)
                    return
                await asyncio.sleep(backoff.next(problem.retry_after))
                continue
            if lost:
                # A server that was started again keeps leases for a grace: it must hear of us.
                lost = False
                now.set()
            for event in page["events"]:
                after = event["seq"]
                self._hear(lease, event)
            if page["terminal"] and not page["events"]:
                return

    def _hear(self, lease: Lease, event: dict[str, Any]) -> None:
        data = event["data"]
        kind = event["type"].removeprefix("execution.")
        if kind == "cancel_requested":
            self._session.cancel(lease.token, data.get("reason"), data.get("deadline"))
        elif kind == "resumed":
            self._session.resumed(lease.token, event["seq"], data.get("input"))
        elif (
            kind in ("completed", "failed", "cancelled")
            or (kind == "attempt_failed" and event["attempt"] == lease.attempt)
            or (kind == "started" and event["attempt"] > lease.attempt)
        ):
            error = data.get("error") or {}
            self._session.revoked(lease.token, str(error.get("message") or event["type"]))


class Slots:
    """How much more may be claimed: taken before asking, so that never too much is granted."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._some = asyncio.Event()

    async def take(self) -> None:
        """One; waits for it."""
        while self._free <= 0:
            self._some.clear()
            await self._some.wait()
        self._free -= 1

    def take_free(self) -> int:
        """All that are free now."""
        taken, self._free = max(self._free, 0), 0
        return taken

    def give_back(self, count: int) -> None:
        """So many are free again."""
        self._free += count
        self._some.set()


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
