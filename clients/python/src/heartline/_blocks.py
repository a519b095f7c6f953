"""What a handler says that has a beginning and an end: messages, tool calls, steps, sub-agents.

Each is a context manager: ``async with`` in coroutines, ``with`` in plain functions.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _events as events
from ._outbox import Event

if TYPE_CHECKING:
    from types import TracebackType

Said = TypeVar("Said")
AnyContext = TypeVar("AnyContext")
Say = Callable[[Iterable[Event]], Said]
AsyncBlock = TypeVar("AsyncBlock", bound="Block[Coroutine[Any, Any, None]]")
SyncBlock = TypeVar("SyncBlock", bound="Block[None]")


class Block(Generic[Said]):
    """Something with a beginning and an end."""

    def __init__(self, say: Say[Said], owner: str | None, id: str) -> None:
        self._say = say
        self._owner = owner
        self.id = id
        """Names it in the log and in the state."""

    def _begin(self) -> Iterable[Event]:
        raise NotImplementedError

    def _end(self, error: BaseException | None) -> Iterable[Event]:
        raise NotImplementedError

    async def __aenter__(self: AsyncBlock) -> AsyncBlock:
        await self._say(self._begin())
        return self

    async def __aexit__(
        self: Block[Coroutine[Any, Any, None]],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._say(self._end(error))
        except BaseException:
            # What went wrong first is what counts.
            if error is None:
                raise

    def __enter__(self: SyncBlock) -> SyncBlock:
        self._say(self._begin())
        return self

    def __exit__(
        self: Block[None],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._say(self._end(error))
        except BaseException:
            if error is None:
                raise


class Message(Block[Said]):
    """A message that is being streamed."""

    def __init__(self, say: Say[Said], owner: str | None, id: str, role: events.Role) -> None:
        super().__init__(say, owner, id)
        self._role = role

    def write(self, delta: str) -> Said:
        """More of it."""
        return self._say(events.message_delta(self.id, delta, self._owner))

    def _begin(self) -> Iterable[Event]:
        return (events.message_start(self.id, self._role, self._owner),)

    def _end(self, error: BaseException | None) -> Iterable[Event]:
        return (events.message_end(self.id, self._owner),)


class Reasoning(Block[Said]):
    """Reasoning that is being streamed."""

    def write(self, delta: str) -> Said:
        """More of it."""
        return self._say(events.reasoning_delta(self.id, delta, self._owner))

    def _begin(self) -> Iterable[Event]:
        return events.reasoning_start(self.id, self._owner)

    def _end(self, error: BaseException | None) -> Iterable[Event]:
        return events.reasoning_end(self.id, self._owner)


class ToolCall(Block[Said]):
    """A call of a tool."""

    def __init__(self, say: Say[Said], owner: str | None, id: str, name: str, args: Any) -> None:
        super().__init__(say, owner, id)
        self._name = name
        self._args = args
        self._called = args is not None
        self._returned = False

    def write(self, delta: str) -> Said:
        """More of its arguments' JSON."""
        return self._say(events.call_delta(self.id, delta, self._owner))

    def result(self, result: Any) -> Said:
        """What the tool returned: text as it is, anything else as JSON."""
        self._returned = True
        returned = events.call_result(self.id, result, self._owner)
        return self._say([*self._call(), returned])

    def _begin(self) -> Iterable[Event]:
        return events.call_start(self.id, self._name, self._args, self._owner)

    def _end(self, error: BaseException | None) -> Iterable[Event]:
        ended = self._call()
        if error is not None and not self._returned:
            ended.append(events.call_error(self.id, error, self._owner))
        return ended

    def _call(self) -> list[Event]:
        """The arguments are complete; said once."""
        called, self._called = self._called, True
        return [] if called else [events.call_end(self.id, self._owner)]


class Step(Block[Said]):
    """A named step."""

    def _begin(self) -> Iterable[Event]:
        return (events.step(self.id, self._owner, finished=False),)

    def _end(self, error: BaseException | None) -> Iterable[Event]:
        return () if error else (events.step(self.id, self._owner, finished=True),)


class SubAgent(Generic[AnyContext, Said]):
    """A sub-agent; the block gets a context whose events are its own."""

    def __init__(self, say: Say[Said], inner: AnyContext, id: str, start: Event) -> None:
        self._say = say
        self._inner = inner
        self._start = start
        self.id = id

    async def __aenter__(self: SubAgent[AnyContext, Coroutine[Any, Any, None]]) -> AnyContext:
        await self._say((self._start,))
        return self._inner

    async def __aexit__(
        self: SubAgent[AnyContext, Coroutine[Any, Any, None]],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._say((events.agent_end(self.id, error),))
        except BaseException:
            if error is None:
                raise

    def __enter__(self: SubAgent[AnyContext, None]) -> AnyContext:
        self._say((self._start,))
        return self._inner

    def __exit__(
        self: SubAgent[AnyContext, None],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._say((events.agent_end(self.id, error),))
        except BaseException:
            if error is None:
                raise
