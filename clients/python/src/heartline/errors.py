"""What can go wrong, as exceptions.

Three families: what the server answers (`Problem` and its subclasses), what a watcher may meet
(`Gap`, `Reset`), and what a handler raises or is told (`HandlerError`, `Cancelled`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .wire import Execution, FieldError


class HeartlineError(Exception):
    """Anything that this package raises by itself, except `Cancelled`."""


class Unreachable(HeartlineError):
    """The server gave no answer for as long as was allowed. The last failure is its cause."""


class Problem(HeartlineError):
    """The server refused: an RFC 9457 problem.

    Attributes:
        status: HTTP status, 400 to 599.
        code: stable and machine-readable, such as ``invalid`` or ``lease_superseded``.
        title: one line, the same for every problem of the code.
        detail: what is wrong this time.
        errors: the broken rules, each with ``pointer`` (RFC 6901 into what was sent, or ``?name``)
            and ``message``; empty where there is nothing to point at.
        request_id: names the request in the server's log.
        retry_after: seconds after which another try makes sense, where the server said so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        title: str = "",
        errors: Sequence[FieldError] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code} ({status}): {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later. What is damaged in the store stays so."""
        return self.code != "corrupt" and (self.status in (408, 429) or self.status >= 500)

    @staticmethod
    def parse(body: Any, status: int = 0, retry_after: float | None = None) -> Problem:
        """The exception for a problem's JSON; `status` counts where the body has none."""
        told: dict[str, Any] = body if isinstance(body, dict) else {}
        number = told.get("status")
        status = number if isinstance(number, int) else status
        family = _BY_STATUS.get(status, ServerError if status >= 500 else Problem)
        errors = told.get("errors")
        later = told.get("retry_after")
        return family(
            status,
            str(told.get("code") or f"http_{status}"),
            str(told.get("detail") or ""),
            title=str(told.get("title") or ""),
            errors=errors if isinstance(errors, list) else (),
            request_id=str(told.get("request_id") or ""),
            retry_after=later if retry_after is None and isinstance(later, int) else retry_after,
        )


class BadRequest(Problem):
    """400: not well-formed, or a wrong query parameter or header."""


class Unauthorized(Problem):
    """401: no token, or one that the server does not know."""


class Forbidden(Problem):
    """403: the token, host or origin may not do this."""


class NotFound(Problem):
    """404: there is no such execution, queue, runner or route."""


class Conflict(Problem):
    """409: the state does not allow it, such as answering what is not waiting."""


class PreconditionFailed(Problem):
    """412: it has moved on meanwhile."""


class TooLarge(Problem):
    """413: more bytes than the server takes."""


class Invalid(Problem):
    """422: well-formed and wrong; `errors` say where and what is allowed."""


class TooMany(Problem):
    """429: more than the limit allows now; `retry_after` says when to come back."""


class ServerError(Problem):
    """500 and above: the server failed, or has as much work as it takes."""


_BY_STATUS: dict[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
}


class Gap(HeartlineError):
    """The server left out events of a log, again and again: a defect of the server.

    Attributes:
        execution: whose log.
        after: the last seq that was seen.
        seq: the seq that came next.
    """

    def __init__(self, execution: str, after: int, seq: int) -> None:
        super().__init__(f"{execution}: {seq} came after {after}; events in between are missing")
        self.execution = execution
        self.after = after
        self.seq = seq


class Reset(HeartlineError):
    """What was read of a log counts no more: it was purged, or is shorter than what was read.

    Attributes:
        execution: whose log.
        reason: ``ahead_of_log``, ``purged`` or ``retention``.
        oldest: the first event there is; watch again with ``after=oldest - 1``.
    """

    def __init__(self, execution: str, reason: str, oldest: int) -> None:
        super().__init__(f"{execution}: the log begins anew at {oldest} ({reason})")
        self.execution = execution
        self.reason = reason
        self.oldest = oldest


class NotCompleted(HeartlineError):
    """An execution whose output was asked for has failed or was cancelled.

    Attributes:
        execution: as it stands; ``execution["error"]`` says why.
    """

    def __init__(self, execution: Execution) -> None:
        error = execution.get("error")
        why = error["message"] if error else execution.get("reason") or ""
        super().__init__(f"{execution['id']} {execution['phase']}: {why}")
        self.execution = execution


class HandlerError(HeartlineError):
    """Raised by a handler: the attempt failed, and this is how it is told.

    Args:
        message: one sentence; 1,024 bytes of it are told.
        code: stable and machine-readable, at most 128 bytes.
        detail: evidence, the traceback unless given; the last 16 KiB of it are told.
        hint: what to do about it; 1,024 bytes of it are told.
        retryable: whether another attempt could go better.
    """

    code = "runner_error"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class NonRetryable(HandlerError):
    """Raised by a handler: the attempt failed, and another one would, too."""

    retryable = False


class DefinitionInvalid(NonRetryable):
    """Raised by a handler: what it was asked to do cannot be done as it is written."""

    code = "definition_invalid"


class EventRejected(NonRetryable):
    """The server did not take an event; raised by the next call of the context.

    Attributes:
        problem: the server's answer; its pointers begin at the event, such as ``/data/delta``.
    """

    code = "event_rejected"

    def __init__(self, event_type: str, problem: Problem) -> None:
        super().__init__(
            f"An event of type {event_type} was not taken: {problem.detail}"[:1024],
            hint="See the event's fields in the server's /openapi.json.",
        )
        self.problem = problem


class Cancelled(asyncio.CancelledError):
    """The handler is to stop: raised by `check`, `sleep` and `wait` of a context.

    It is an `asyncio.CancelledError`, so ``except Exception`` lets it pass. Let it out of the
    handler after cleaning up; that is what confirms the cancellation.
    """


class Revoked(Cancelled):
    """The lease is not this runner's any more: nothing that the handler does is written."""


class Suspended(Cancelled):
    """Raised by ``wait(hold=False)``: this attempt ends here; the answer starts the next one."""
