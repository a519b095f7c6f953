"""The runner: takes executions from queues and runs a handler for each.

Everything that goes over the network happens on a thread of its own. A handler that blocks the
user's event loop, or computes for minutes, stops neither heartbeats nor the delivery of what other
handlers say.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from ._network import Network
from ._outbox import BUFFER_BYTES, BUFFER_EVENTS
from ._session import Session, Settings, TransportName
from ._version import __version__
from ._work import Work, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from types import FrameType, TracebackType

    from typing_extensions import Self

    from . import wire
    from ._lease import Lease
    from ._work import Handler
    from .client import Client

    H = TypeVar("H", bound=Handler)

log = logging.getLogger("heartline")

SLOTS_MAX = 1_000
STOP_GRACE = 5.0
"""Seconds for handlers to end once they were cancelled because the runner stops."""
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Runner:
    """Runs handlers for the executions of some queues.

    ::

        runner = Runner(Client(), queues=["agents"], slots=4)

        @runner.handler("summarise")
        async def summarise(ctx: Context, input: Any) -> Any:
            ...

        asyncio.run(runner.run())

    Use ``await runner.run()`` for a program that is a runner: it ends after SIGTERM or SIGINT. Use
    ``async with runner:`` to run one beside something else: at its end, what runs is finished.

    Args:
        client: names the server and the token.
        queues: where to take work from; 1 to 64.
        slots: how many executions at once, 1 to 1,000.
        name: for people; the program's host and process unless given.
        id: stable and its own, 1 to 128 of ``A-Z a-z 0-9 _ . : -``; a fresh one unless given.
        transport: ``websocket``, ``http`` (long polls), or ``auto``: the WebSocket where the server
            has it.
        non_retryable: exceptions after which another attempt is of no use.
        buffer_bytes: the most bytes of events that wait for the server, per execution.
        buffer_events: the most events that wait, per execution. Beyond either, what a handler says
            waits, and so does the handler.
        stop_grace: seconds for handlers to end once they were cancelled because the runner stops.

    Raises:
        ValueError: one of them is out of its bounds.
    """

    def __init__(
        self,
        client: Client,
        queues: Iterable[str] = ("agents",),
        slots: int = 1,
        *,
        name: str | None = None,
        id: str | None = None,
        transport: TransportName = "auto",
        non_retryable: tuple[type[BaseException], ...] = (),
        buffer_bytes: int = BUFFER_BYTES,
        buffer_events: int = BUFFER_EVENTS,
        stop_grace: float = STOP_GRACE,
    ) -> None:
        queues = list(queues)
        host = socket.gethostname()
        safe_host = re.sub(r"[^A-Za-z0-9_.-]", "-", host)[:64]
        id = id or f"{safe_host}-{os.getpid()}-{secrets.token_hex(4)}"
        for given in (id, *queues):
            if not NAME.fullmatch(given):
                raise ValueError(f"{given!r} must be 1 to 128 of A-Z a-z 0-9 _ . : -")
        if not 1 <= len(queues) <= 64 or len(set(queues)) != len(queues):
            raise ValueError("queues must be 1 to 64, each once")
        if not 1 <= slots <= SLOTS_MAX:
            raise ValueError(f"slots is {slots}; it must be within 1 and {SLOTS_MAX}")
        if transport not in ("auto", "websocket", "http"):
            raise ValueError(f"transport is {transport!r}; known are auto, websocket, http")
        if buffer_bytes < 1 or buffer_events < 1:
            raise ValueError("a buffer must hold at least one byte and one event")
        about: wire.Runner = {
            "id": id,
            "name": name or f"python on {host}, process {os.getpid()}",
            "host": host,
            "pid": os.getpid(),
            "version": f"heartline-python/{__version__}",
        }
        self.id = id
        self._settings = Settings(
            server=client.server,
            runner=about,
            queues=queues,
            slots=slots,
            transport=transport,
            buffer_bytes=buffer_bytes,
            buffer_events=buffer_events,
            stop_grace=stop_grace,
            start=self._start,
        )
        self._fatal = non_retryable
        self._handlers: dict[str, Callable[..., Any]] = {}
        self._default: Callable[..., Any] | None = None
        self._network: Network | None = None
        self._session: Session | None = None
        self._running: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Also keeps their tasks from being collected.
        self._works: set[Work] = set()

    # ---- handlers --------------------------------------------------------------------------

    def handler(self, name: str | None = None) -> Callable[[H], H]:
        """Registers the handler of executions with this name; without one, of all others.

        A coroutine gets a `Context` and runs on the event loop of `run`; a plain function gets a
        `SyncContext` and runs in a thread of its own. Both get the input, and what they return is
        the output.

        Raises:
            ValueError: there is one already.
        """

        def register(function: H) -> H:
            if name is None and self._default is not None:
                raise ValueError("there is a default handler already")
            if name in self._handlers:
                raise ValueError(f"there is a handler for {name!r} already")
            if name is None:
                self._default = function
            else:
                self._handlers[name] = function
            return function

        return register

    # ---- life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT, or `drain`.

        The first signal takes no more work and finishes what runs; the second cancels the handlers
        and reports their attempts as failed, so that they can be retried elsewhere. A third does
        what it would do without a runner. Signals are heeded in the main thread only.

        Raises:
            HeartlineError: the server will not have this runner: a wrong token, or queue.
        """
        async with self:
            signals = _Signals(self) if _in_main_thread() else None
            try:
                await self.wait()
            finally:
                if signals is not None:
                    signals.restore()

    async def __aenter__(self) -> Self:
        if self._network is not None:
            raise RuntimeError("the runner runs already")
        self._loop = asyncio.get_running_loop()
        self._network = Network()
        self._session = await asyncio.wrap_future(self._network.submit(self._open()))
        self._running = self._network.submit(self._session.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.drain()
        else:
            self.stop()
        try:
            await self.wait()
        except BaseException:
            if error is None:
                raise
        finally:
            await self._close()

    async def _open(self) -> Session:
        return Session(self._settings)

    async def wait(self) -> None:
        """Until the runner has ended: drained, stopped, or refused by the server."""
        if self._running is None:
            raise RuntimeError("the runner does not run")
        await asyncio.shield(asyncio.wrap_future(self._running))

    def drain(self) -> None:
        """Takes no more work; the runner ends when what runs is finished. From any thread."""
        if self._network is not None and self._session is not None:
            self._network.call(self._session.draining.set)

    def stop(self) -> None:
        """Cancels what runs, reports that, and ends. From any thread."""
        if self._network is not None and self._session is not None:
            self._network.call(self._session.stop)

    async def _close(self) -> None:
        network, self._network = self._network, None
        if network is None:
            return
        if self._running is not None and not self._running.done():
            network.call(self._running.cancel)
        await asyncio.get_running_loop().run_in_executor(None, network.end)
        self._session = self._running = None

    # ---- work ------------------------------------------------------------------------------

    def _start(self, lease: Lease) -> None:
        handler = self._handlers.get(lease.execution["name"], self._default)
        if handler is None or self._loop is None:
            lease.fail(unknown(lease, list(self._handlers)))
            return
        work = Work(lease, handler, self._loop, self._told, self._works.discard, self._fatal)
        self._works.add(work)
        work.start()

    def _told(self, lease: Lease) -> None:
        network, session = self._network, self._session
        if network is not None and session is not None:
            network.call(session.told, lease)


class _Signals:
    """SIGTERM and SIGINT while a runner runs.

    Plain signal handlers, not those of the event loop: they work while a handler blocks it.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._drained = False
        self._before = {
            number: signal.signal(number, self._heed) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if self._drained:
            self.restore()
            self._runner.stop()
            return
        self._drained = True
        self._runner.drain()

    def restore(self) -> None:
        """Puts back what was there before."""
        for number, before in self._before.items():
            signal.signal(number, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
