"""Empties the outbox of one lease: every batch and call is repeated until it is answered.

A batch keeps its number when it is repeated, so that the server tells the repeat; one is under way
at a time, so the order is that of the handler.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NoReturn, Protocol

from ._backoff import LONGEST_HELD, Backoff
from ._http import Lost
from ._lease import Lease, Question, failure
from ._outbox import Call, Event, refuse, resolve
from .errors import EventRejected, HandlerError, Problem, Revoked

if TYPE_CHECKING:
    from .wire import FieldError

log = logging.getLogger("heartline")

OVER = frozenset({"lease_superseded", "execution_terminal", "execution_not_found"})
"""Codes that say that the lease is no more."""
DEFECT_PATIENCE = 30.0
"""Seconds for which a request is repeated that the server fails at (500)."""


UNTOLD = failure(HandlerError("The handler failed, and the server did not take how."))
"""Told where the server refuses the words of a failure."""


class Courier(Protocol):
    """What carries a call to the server and its answer back."""

    async def call(self, lease: Lease, op: str, members: bytes) -> int:
        """One try, as soon as there is a connection; the seq at which it ended.

        Raises:
            Lost: there was no answer.
            Problem: it was refused.
        """
        ...


class LeaseOver(Exception):
    """The server has given the lease away, or ended it."""


async def deliver(lease: Lease, courier: Courier) -> None:
    """Until the last call is answered, or the lease is lost."""
    try:
        while True:
            entry = await lease.outbox.next()
            if isinstance(entry, list):
                await _post(lease, courier, entry)
                lease.outbox.settled(entry)
            elif entry.final:
                await _end(lease, courier, entry)
                return
            else:
                await _perform(lease, courier, entry)
    except LeaseOver as over:
        log.warning("%s: attempt %d writes nothing more: %s", lease.id, lease.attempt, over)
        lease.revoke(str(over))


async def _post(lease: Lease, courier: Courier, batch: list[Event]) -> None:
    rest = [batch]
    while rest:
        events = rest.pop(0)
        lease.batch += 1
        while events:
            told = b'"batch":%d,"events":[%b]' % (lease.batch, b",".join(e.json() for e in events))
            try:
                await repeat(lease, courier, "events", told)
                break
            except Problem as problem:
                # Nothing of the batch was taken, so its number is still free.
                if problem.status == 413 and not problem.errors and len(events) > 1:
                    # A server with a smaller limit than most.
                    half = len(events) // 2
                    rest.insert(0, events[half:])
                    events = events[:half]
                else:
                    events = _without_culprits(lease, events, problem)


def _without_culprits(lease: Lease, events: list[Event], problem: Problem) -> list[Event]:
    named: dict[int, list[FieldError]] = {}
    for error in problem.errors:
        place, _, field = error["pointer"].removeprefix("/events/").partition("/")
        if place.isdigit() and int(place) < len(events):
            broken: FieldError = {"pointer": f"/{field}", "message": error["message"]}
            named.setdefault(int(place), []).append(broken)
    if not named:
        named = {index: [] for index in range(len(events))}
    for index, errors in named.items():
        detail = "; ".join(f"{e['pointer']} {e['message']}" for e in errors) or problem.detail
        told = Problem.parse(
            {"status": problem.status, "code": problem.code, "detail": detail, "errors": errors}
        )
        log.error("%s: an event of type %s was not taken: %s", lease.id, events[index].type, detail)
        if lease.outbox.error is None:
            lease.outbox.error = EventRejected(events[index].type, told)
    return [event for index, event in enumerate(events) if index not in named]


async def _perform(lease: Lease, courier: Courier, call: Call) -> None:
    try:
        seq = 0 if call.op == "flush" else await repeat(lease, courier, call.op, _told(lease, call))
    except Problem as problem:
        refuse(call.done, problem)
        return
    except BaseException:
        refuse(call.done, Revoked(lease.revoked or "the lease is lost"))
        raise
    if isinstance(call, Question):
        lease.asked(call, seq)
    resolve(call.done, seq)


async def _end(lease: Lease, courier: Courier, call: Call) -> None:
    lease.ending = True
    op, told = call.op, _told(lease, call)
    if lease.outbox.error is not None and op in ("complete", "wait"):
        op, told = "fail", failure(_as_failure(lease.outbox.error))
    while True:
        try:
            await repeat(lease, courier, op, told)
        except Problem as problem:
            log.error("%s: %s was refused: %s", lease.id, op, problem)
            if problem.code == "not_cancelling":
                error = HandlerError("The handler stopped by itself.", code="handler_cancelled")
            elif told == UNTOLD:
                # Not even that: the server finds out by the missing heartbeats.
                raise LeaseOver(f"the failure could not be told: {problem}") from problem
            elif op == "fail":
                op, told = "fail", UNTOLD
                continue
            else:
                error = HandlerError(
                    f"What the handler ended with was refused: {problem.detail}",
                    code=f"{'output' if op == 'complete' else op}_rejected",
                    retryable=False,
                )
            op, told = "fail", failure(error)
        else:
            resolve(call.done, None)
            return


def _as_failure(error: BaseException) -> HandlerError:
    return error if isinstance(error, HandlerError) else HandlerError(str(error))


def _told(lease: Lease, call: Call) -> bytes:
    if not call.numbered:
        return call.members
    lease.batch += 1
    return b'"batch":%d,%b' % (lease.batch, call.members)


async def repeat(lease: Lease, courier: Courier, op: str, told: bytes) -> int:
    """Tries until there is an answer that counts; the seq at which it ended.

    Raises:
        LeaseOver: the lease is no more.
        Problem: it is refused, and would be refused again.
    """
    backoff = Backoff(LONGEST_HELD)
    began = time.monotonic()
    while True:
        if lease.revoked is not None:
            raise LeaseOver(lease.revoked)
        try:
            return await courier.call(lease, op, told)
        except Lost as lost:
            log.debug("%s: %s is repeated: %s", lease.id, op, lost)
            pause = backoff.next()
        except Problem as problem:
            if problem.status == 500 and time.monotonic() - began > DEFECT_PATIENCE:
                raise
            if not problem.transient:
                _refused(problem)
            log.debug("%s: %s is repeated: %s", lease.id, op, problem)
            pause = backoff.next(problem.retry_after)
        await asyncio.sleep(pause)


def _refused(problem: Problem) -> NoReturn:
    if problem.code in OVER or problem.status in (401, 403):
        raise LeaseOver(problem.detail or problem.title) from problem
    raise problem
