"""The runner's half that lives on the network loop: its leases, and what carries their calls.

Handlers never run here, so whatever they do, heartbeats go out and what was said is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ._delivery import Courier, LeaseOver, deliver, repeat
from ._lease import Lease
from ._poll import Poll
from ._socket import NoSocket, Socket
from .errors import HandlerError, HeartlineError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from . import wire
    from ._http import Server

log = logging.getLogger("heartline")

TransportName: TypeAlias = Literal["auto", "websocket", "http"]
LAST_CALLS = 3.0
"""Seconds for the last calls when the runner stops."""


class Transport(Courier, Protocol):
    """How work comes in and calls go out."""

    async def run(self) -> None:
        """Until the runner is drained and holds nothing."""
        ...


@dataclass
class Settings:
    """What a runner is and takes."""

    server: Server
    runner: wire.Runner
    queues: list[str]
    slots: int
    transport: TransportName
    buffer_bytes: int
    buffer_events: int
    stop_grace: float
    start: Callable[[Lease], None] = field(default=lambda _: None)
    """Starts the handler of a lease; called on the network loop, must not wait."""


class Session:
    """Everything that a running runner holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.leases: dict[str, Lease] = {}
        self.draining = asyncio.Event()
        self.changed = asyncio.Event()
        """A lease came or went."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._transport: Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until it is drained and holds nothing, or was stopped.

        Raises:
            HeartlineError: the server will not have this runner.
        """
        work = asyncio.create_task(self._carry())
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self._hand_back(work)
            if work.done():
                await work
        finally:
            for lease in list(self.leases.values()):
                lease.revoke("the runner has ended")
            await _cancelled(work, stop, *self._tasks)

    def stop(self) -> None:
        """Cancels the handlers, reports that, and ends."""
        self.draining.set()
        self._stopping.set()

    async def _carry(self) -> None:
        if self.settings.transport != "http":
            self._transport = Socket(self)
            try:
                return await self._transport.run()
            except NoSocket:
                if self.settings.transport == "websocket":
                    raise HeartlineError("the server has no WebSocket for runners") from None
                log.info("the server has no WebSocket for runners; polling instead")
        self._transport = Poll(self)
        return await self._transport.run()

    # ---- what the transport tells ----------------------------------------------------------

    def granted(self, granted: wire.Lease) -> None:
        """A lease; the same one twice counts once."""
        if granted["lease"] in self.leases or self._transport is None:
            return
        settings = self.settings
        lease = Lease(granted, self._loop, settings.buffer_bytes, settings.buffer_events)
        self.leases[lease.token] = lease
        lease.delivery = self._spawn(self._hold(lease, self._transport))
        self._touch()
        if self._stopping.is_set():
            lease.stop()
        settings.start(lease)

    def cancel(self, token: str, reason: str | None, deadline: str | None) -> None:
        """The server wants a lease's handler to stop."""
        lease = self.leases.get(token)
        if lease is not None:
            lease.cancel(reason, deadline)

    def revoked(self, token: str, why: str) -> None:
        """A lease is lost; unless it has ended, to which the answer is on its way."""
        lease = self.leases.get(token)
        if lease is not None and not lease.ending and lease.revoked is None:
            log.warning("%s: attempt %d was revoked: %s", lease.id, lease.attempt, why)
            lease.revoke(why)

    def resumed(self, token: str, seq: int, input: Any) -> None:
        """A person answered."""
        lease = self.leases.get(token)
        if lease is not None:
            lease.answered(seq, input)

    # ---- what the handlers tell ------------------------------------------------------------

    def told(self, lease: Lease) -> None:
        """The handler knows that it is to stop."""
        if lease.cancel_requested and lease.token in self.leases and self._transport is not None:
            self._spawn(self._acknowledge(lease, self._transport))

    async def _acknowledge(self, lease: Lease, courier: Courier) -> None:
        try:
            await repeat(lease, courier, "cancel_acknowledged", b"")
        except (LeaseOver, Problem) as refused:
            # It has ended meanwhile; that says more than this would have.
            log.debug("%s: the acknowledgement came too late: %s", lease.id, refused)

    # ---- leases ----------------------------------------------------------------------------

    async def _hold(self, lease: Lease, courier: Courier) -> None:
        try:
            await deliver(lease, courier)
        except asyncio.CancelledError:
            if lease.revoked is None:
                raise
        except Exception:
            log.exception("%s: a defect in the delivery", lease.id)
            lease.revoke("a defect in the runner")
        finally:
            self.leases.pop(lease.token, None)
            self._touch()

    def _touch(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def idle(self) -> None:
        """Until no lease is held."""
        while self.leases:
            await self.changed.wait()

    async def _hand_back(self, work: asyncio.Task[None]) -> None:
        """Stops the handlers, and reports each attempt as failed so that it can be retried."""
        for lease in list(self.leases.values()):
            lease.stop()
        idle = asyncio.create_task(self.idle())
        await asyncio.wait({idle, work}, timeout=self.settings.stop_grace)
        for lease in list(self.leases.values()):
            if not lease.ending:
                lease.fail(stopped())
        if self.leases:
            await asyncio.wait({idle, work}, timeout=LAST_CALLS)
        await _cancelled(idle)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def stopped() -> HandlerError:
    """How an attempt ends whose runner was stopped."""
    return HandlerError("The runner was stopped.", code="runner_stopped", retryable=True)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
