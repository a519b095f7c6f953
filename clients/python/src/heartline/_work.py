"""A handler at work: started where it belongs, told when to stop, and how its attempt ended.

A coroutine runs as a task of the user's event loop and is cancelled; a plain function runs in a
thread of its own and sees `cancelled`. Either way the outcome goes into the lease's outbox, behind
everything that was said.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import traceback
from typing import TYPE_CHECKING, Any, TypeAlias

from ._session import stopped
from .context import Context, SyncContext
from .errors import DefinitionInvalid, HandlerError, Suspended

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._lease import Lease

    Handler: TypeAlias = (
        Callable[[Context, Any], Awaitable[Any]] | Callable[[SyncContext, Any], Any]
    )

log = logging.getLogger("heartline")


class Work:
    """The handler of one lease.

    Args:
        lease: what it works on.
        handler: what to call.
        loop: the user's event loop.
        told: called, from any thread, when the handler knows that it is to stop.
        ended: called, from any thread, when the handler has ended.
        fatal: exceptions after which another attempt is of no use.
    """

    def __init__(
        self,
        lease: Lease,
        handler: Callable[..., Any],
        loop: asyncio.AbstractEventLoop,
        told: Callable[[Lease], None],
        ended: Callable[[Work], None],
        fatal: tuple[type[BaseException], ...],
    ) -> None:
        self.lease = lease
        self._handler = handler
        self._loop = loop
        self._told = told
        self._ended = ended
        self._fatal = fatal
        self._task: asyncio.Task[None] | None = None
        self._begun = False

    def start(self) -> None:
        """Called on the network loop; does not wait."""
        if is_async(self._handler):
            self.lease.tell = self._cancel_soon
            self._on_loop(self._start_task)
        else:
            self.lease.tell = lambda: self._told(self.lease)
            name = f"heartline {self.lease.id}"
            threading.Thread(target=self._run_thread, name=name, daemon=True).start()

    # ---- a coroutine -----------------------------------------------------------------------

    def _on_loop(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            # It is closed: nothing can run there any more.
            self.lease.fail(stopped())
            self._ended(self)

    def _start_task(self) -> None:
        self._task = self._loop.create_task(self._run_task(), name=f"heartline {self.lease.id}")

    def _cancel_soon(self) -> None:
        self._on_loop(self._cancel)

    def _cancel(self) -> None:
        # A task that is cancelled before its first step never takes it; `check` stops that one.
        if self._task is not None and self._begun:
            self._task.cancel(self.lease.revoked or self.lease.cancel_reason or "cancelled")
        self._told(self.lease)

    async def _run_task(self) -> None:
        self._begun = True
        context = Context(self.lease)
        try:
            context.check()
            output = await self._handler(context, context.input)
        except BaseException as error:
            self._raised(error)
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            self.lease.complete(output)
        finally:
            self._ended(self)

    # ---- a plain function ------------------------------------------------------------------

    def _run_thread(self) -> None:
        context = SyncContext(self.lease)
        try:
            context.check()
            output = self._handler(context, context.input)
        except BaseException as error:
            self._raised(error)
        else:
            self.lease.complete(output)
        finally:
            self._ended(self)

    # ---- the outcome -----------------------------------------------------------------------

    def _raised(self, error: BaseException) -> None:
        lease = self.lease
        if isinstance(error, Suspended) or lease.revoked is not None:
            return
        if isinstance(error, asyncio.CancelledError):
            if lease.cancel_requested:
                lease.confirm_cancelled()
            elif lease.cancelled.is_set():
                lease.fail(stopped())
            else:
                lease.fail(self._failure(error, "handler_cancelled"))
            return
        log.warning("%s: the handler failed", lease.id, exc_info=error)
        lease.fail(self._failure(error, HandlerError.code))

    def _failure(self, error: BaseException, code: str) -> HandlerError:
        evidence = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        if isinstance(error, HandlerError):
            error.detail = error.detail if error.detail is not None else evidence
            return error
        retryable = not isinstance(error, self._fatal)
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return HandlerError(words, code=code, detail=evidence, retryable=retryable)


def is_async(handler: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    call = getattr(handler, "__call__", None)  # noqa: B004 - its own, not whether it has one
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


def unknown(lease: Lease, known: list[str]) -> DefinitionInvalid:
    """How an attempt ends for which there is no handler."""
    names = ", ".join(sorted(known)) or "none"
    return DefinitionInvalid(
        f"This runner has no handler for {lease.execution['name']!r}; it has: {names}.",
        hint="Create it with a name that has a handler, or in the queue of a runner that has it.",
    )
