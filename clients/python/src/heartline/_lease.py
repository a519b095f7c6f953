"""One attempt at one execution, as everybody here sees it.

The handler's side (any thread) says things and looks at `cancelled`; the network loop delivers what
was said and tells of cancellation. Nothing of it is shared without a lock but events that are set
once.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ._json import encode, members, seconds
from ._outbox import Call, Outbox, refuse, resolve
from .errors import Cancelled, HandlerError, Revoked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from . import wire

HEARTBEAT = 30.0
"""Seconds of the heartbeat timeout where the server does not say."""
DETAIL = 16_384
"""Bytes of a traceback that are told: its end."""


class Lease:
    """The lease of one attempt.

    Args:
        granted: as the server tells it.
        loop: the network loop.
        limit_bytes: see `Outbox`.
        limit_events: see `Outbox`.
    """

    def __init__(
        self,
        granted: wire.Lease,
        loop: asyncio.AbstractEventLoop,
        limit_bytes: int,
        limit_events: int,
    ) -> None:
        self.execution = granted["execution"]
        self.id = self.execution["id"]
        self.attempt = granted["attempt"]
        self.token = granted["lease"]
        self.heartbeat = seconds(granted.get("heartbeat", ""), HEARTBEAT)
        self.checkpoint = granted.get("checkpoint")
        self.traceparent = granted.get("traceparent")
        self.outbox = Outbox(loop, limit_bytes, limit_events)
        self.batch = 0

        self.cancelled = threading.Event()
        """The handler is to stop, for whatever reason."""
        self.cancel_requested = False
        """The server wants it cancelled."""
        self.cancel_reason: str | None = None
        self.cancel_deadline: str | None = None
        self.revoked: str | None = None
        """Why nothing more is written."""
        self.ending = False
        """Its last call is on its way: only the answer to that counts."""

        self.delivery: asyncio.Task[None] | None = None
        """Empties the outbox."""
        self.tell: Callable[[], None] = lambda: None
        """Tells the handler to stop; set before it starts."""
        self._question: Question | None = None
        self._answer: tuple[int, Any] | None = None

    # ---- the network loop ------------------------------------------------------------------

    def cancel(self, reason: str | None, deadline: str | None) -> bool:
        """The server wants it cancelled; whether that is news."""
        self.cancel_reason = reason or self.cancel_reason
        self.cancel_deadline = deadline or self.cancel_deadline
        news, self.cancel_requested = not self.cancel_requested, True
        if news:
            self._stop(Cancelled(reason or "cancelled"))
        return news

    def stop(self) -> None:
        """The runner stops, and so must the handler."""
        self.cancel_reason = self.cancel_reason or "the runner stops"
        self._stop(Cancelled(self.cancel_reason))

    def revoke(self, why: str) -> None:
        """The lease is lost."""
        if self.revoked is None:
            self.revoked = why
            self.outbox.close(Revoked(why))
            if self.delivery is not None:
                self.delivery.cancel()
            self._stop(Revoked(why))

    def _stop(self, why: BaseException) -> None:
        self.cancelled.set()
        question, self._question = self._question, None
        if question is not None:
            refuse(question.answer, why)
        self.tell()

    def asked(self, question: Question, seq: int) -> None:
        """The question stands in the log at `seq`."""
        question.seq = seq
        if self.cancelled.is_set():
            refuse(question.answer, Cancelled(self.cancel_reason or "cancelled"))
            return
        self._question = question
        self._settle_question()

    def answered(self, seq: int, input: Any) -> None:
        """A person answered; told twice where the connection was lost in between."""
        self._answer = (seq, input)
        self._settle_question()

    @property
    def answers_known(self) -> int:
        """The seq of the last answer; 0 while there was none."""
        return self._answer[0] if self._answer else 0

    def _settle_question(self) -> None:
        question, answer = self._question, self._answer
        if question is None or answer is None or answer[0] <= question.seq:
            return
        self._question = None
        resolve(question.answer, answer[1])

    # ---- any thread ------------------------------------------------------------------------

    def ask(self, prompt: str | None, schema: Any, timeout: str | None) -> Question:
        """Asks a person, after everything said before."""
        question = Question(members(prompt=prompt, schema=schema, timeout=timeout, hold=True))
        self.outbox.put_call(question)
        return question

    def flush(self) -> Future[None]:
        """Done once everything said so far is acknowledged."""
        call = Call("flush")
        self.outbox.put_call(call)
        return call.done

    def complete(self, output: Any) -> None:
        """The handler returned; `None` leaves what an event may have set."""
        try:
            self._finish("complete", members(output=output))
        except (TypeError, ValueError) as error:
            self.fail(
                HandlerError(
                    f"The handler's output is not JSON: {error}",
                    code="output_invalid",
                    retryable=False,
                )
            )

    def fail(self, error: HandlerError) -> None:
        """The handler raised."""
        self._finish("fail", failure(error))

    def confirm_cancelled(self) -> None:
        """The handler stopped because it was asked to."""
        self._finish("cancelled", b"")

    def suspend(self, prompt: str | None, schema: Any, timeout: str | None) -> None:
        """The handler lets go; the answer starts the next attempt."""
        asked = members(prompt=prompt, schema=schema, timeout=timeout, hold=False)
        self._finish("wait", asked, numbered=True)

    def _finish(self, op: str, told: bytes, *, numbered: bool = False) -> None:
        self.outbox.put_call(Call(op, told, numbered=numbered, final=True))


class Question(Call):
    """A question to a person; `answer` is what they say."""

    def __init__(self, told: bytes) -> None:
        super().__init__("wait", told, numbered=True)
        self.seq = 0
        self.answer: Future[Any] = Future()
        self.done.add_done_callback(self._refused)

    def _refused(self, done: Future[Any]) -> None:
        error = done.exception()
        if error is not None:
            refuse(self.answer, error)


def failure(error: HandlerError) -> bytes:
    """The members of `fail`, within the server's bounds."""
    told = {
        "code": _text(error.code, 128) or "runner_error",
        "message": _text(error.message, 1024) or type(error).__name__,
        "retryable": bool(error.retryable),
        "detail": None if error.detail is None else _text(error.detail, DETAIL, end=True),
        "hint": None if error.hint is None else _text(error.hint, 1024),
    }
    told = {name: value for name, value in told.items() if value is not None}
    return b'"error":' + encode(told)


def _text(text: object, longest: int, *, end: bool = False) -> str:
    """At most `longest` bytes of it, from its beginning or its end."""
    told = str(text).encode("utf-8", "replace")
    if len(told) > longest:
        room = longest - len("…".encode())
        told = b"\xe2\x80\xa6" + told[-room:] if end else told[:room] + b"\xe2\x80\xa6"
    # Half a character at the cut is none.
    return told.decode("utf-8", "ignore")
