"""The vocabulary: what a handler says, as AG-UI 1.0 events and Heartline's reserved `CUSTOM` names.

Each function makes events, encoded and checked as far as can be told here; the server checks the
rest. Nothing is sent.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ._json import encode
from ._outbox import EVENT_BYTES, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

Level: TypeAlias = Literal["trace", "debug", "info", "warn", "error"]
Role: TypeAlias = Literal["assistant", "user", "system", "developer"]
TodoStatus: TypeAlias = Literal["pending", "in_progress", "completed", "cancelled"]
TaskStatus: TypeAlias = Literal[
    "pending", "in_progress", "waiting", "completed", "failed", "cancelled", "skipped"
]

DELTA_CHARACTERS = 32_768
"""Longer deltas are sent as several."""
DETAILS_BYTES = 64 << 10
"""Largest details of a progress report."""
PROGRESS_CHARACTERS = 1_000
"""Longest message of a progress report."""


def new_id(prefix: str) -> str:
    """An id that nobody has used."""
    return f"{prefix}_{uuid.uuid4().hex}"


def event(type: str, data: dict[str, Any], owner: str | None = None) -> Event:
    """Any event.

    Raises:
        TypeError: it is no JSON.
        ValueError: it is no JSON, or larger than the server takes.
    """
    if owner is not None:
        data = {**data, "subagentRunId": owner}
    body = encode(data)
    if len(body) > EVENT_BYTES:
        raise ValueError(f"an event of type {type} has {len(body)} bytes; at most {EVENT_BYTES}")
    return Event(type, b'{"type":%b,"data":%b}' % (encode(type), body))


def deltas(type: str, key: str, id: str, text: str, owner: str | None) -> Iterator[Event]:
    """The events that add `text` to a stream; none for no text."""
    of = {key: id} if owner is None else {key: id, "subagentRunId": owner}
    head = b'{"type":%b,"data":%b,"delta":"' % (encode(type), encode(of)[:-1])
    for start in range(0, len(text), DELTA_CHARACTERS):
        part = encode(text[start : start + DELTA_CHARACTERS])[1:-1]
        yield Event(type, head, part, b'"}}', key=(type, id, owner))


def custom(name: str, value: Any, owner: str | None = None) -> Event:
    """An event of the application's own."""
    return event("CUSTOM", {"name": name, "value": value}, owner)


def _reserved(kind: str, owner: str | None, **value: Any) -> Event:
    return custom(kind, {key: v for key, v in value.items() if v is not None}, owner)


def log(message: str, level: Level, owner: str | None) -> Event:
    """A line of the log."""
    _one_of("level", level, Level)
    return _reserved("log", owner, level=level, message=message)


def progress(fraction: float | None, message: str | None, details: Any) -> Event:
    """How far it is."""
    if fraction is not None and not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}; it must be within 0 and 1")
    if message is not None and len(message) > PROGRESS_CHARACTERS:
        raise ValueError(f"message has {len(message)} characters; at most {PROGRESS_CHARACTERS}")
    if details is not None and (length := len(encode(details))) > DETAILS_BYTES:
        raise ValueError(f"details has {length} bytes; at most {DETAILS_BYTES}")
    made = _reserved("progress", None, fraction=fraction, message=message, details=details)
    made.key = "progress"
    return made


def todo(id: str, content: str, status: TodoStatus, owner: str | None) -> Event:
    """An item of the agent's list."""
    _one_of("status", status, TodoStatus)
    return _reserved("todo", owner, id=id, content=content, status=status)


def task(
    id: str,
    name: str | None,
    status: TaskStatus | None,
    type: str | None,
    input: Any,
    output: Any,
    error: Any,
    owner: str | None,
) -> Event:
    """A task of a workflow."""
    if status is not None:
        _one_of("status", status, TaskStatus)
    return _reserved(
        "task",
        owner,
        id=id,
        name=id if name is None else name,
        type=type,
        status=status,
        input=input,
        output=output,
        error=error,
    )


def artifact(
    id: str, name: str, mime_type: str, text: str | None, url: str | None, owner: str | None
) -> Event:
    """Something that was made."""
    if (text is None) == (url is None):
        raise ValueError("an artifact has either text or url")
    return _reserved("artifact", owner, id=id, name=name, mime_type=mime_type, text=text, url=url)


def message_start(id: str, role: Role, owner: str | None) -> Event:
    """A message begins."""
    _one_of("role", role, Role)
    return event("TEXT_MESSAGE_START", {"messageId": id, "role": role}, owner)


def message_delta(id: str, text: str, owner: str | None) -> Iterator[Event]:
    """More of it."""
    return deltas("TEXT_MESSAGE_CONTENT", "messageId", id, text, owner)


def message_end(id: str, owner: str | None) -> Event:
    """It is complete."""
    return event("TEXT_MESSAGE_END", {"messageId": id}, owner)


def reasoning_start(id: str, owner: str | None) -> Iterator[Event]:
    """Reasoning begins."""
    yield event("REASONING_START", {"messageId": id}, owner)
    yield event("REASONING_MESSAGE_START", {"messageId": id, "role": "reasoning"}, owner)


def reasoning_delta(id: str, text: str, owner: str | None) -> Iterator[Event]:
    """More of it."""
    return deltas("REASONING_MESSAGE_CONTENT", "messageId", id, text, owner)


def reasoning_end(id: str, owner: str | None) -> Iterator[Event]:
    """It is complete."""
    yield event("REASONING_MESSAGE_END", {"messageId": id}, owner)
    yield event("REASONING_END", {"messageId": id}, owner)


def call_start(id: str, name: str, args: Any, owner: str | None) -> Iterator[Event]:
    """A tool is called; with `args`, these are complete."""
    yield event("TOOL_CALL_START", {"toolCallId": id, "toolCallName": name}, owner)
    if args is not None:
        yield from call_delta(id, encode(args).decode(), owner)
        yield call_end(id, owner)


def call_delta(id: str, text: str, owner: str | None) -> Iterator[Event]:
    """More of its arguments' JSON."""
    return deltas("TOOL_CALL_ARGS", "toolCallId", id, text, owner)


def call_end(id: str, owner: str | None) -> Event:
    """The arguments are complete."""
    return event("TOOL_CALL_END", {"toolCallId": id}, owner)


def call_result(id: str, result: Any, owner: str | None) -> Event:
    """What the tool returned: text as it is, anything else as JSON."""
    content = result if isinstance(result, str) else encode(result).decode()
    data = {"messageId": new_id("msg"), "toolCallId": id, "content": content, "role": "tool"}
    return event("TOOL_CALL_RESULT", data, owner)


def call_error(id: str, error: BaseException, owner: str | None) -> Event:
    """The tool failed."""
    told = words(error)
    data = {"messageId": new_id("msg"), "toolCallId": id, "content": told, "error": told}
    return event("TOOL_CALL_RESULT", {**data, "role": "tool"}, owner)


def step(name: str, owner: str | None, *, finished: bool) -> Event:
    """A named step begins or ends."""
    return event("STEP_FINISHED" if finished else "STEP_STARTED", {"stepName": name}, owner)


def agent_start(id: str, name: str, description: str | None, parent: str | None) -> Event:
    """A sub-agent begins."""
    data = {
        "subagentRunId": id,
        "name": name,
        "description": description,
        "parentSubagentRunId": parent,
    }
    return event("SUBAGENT_STARTED", {key: v for key, v in data.items() if v is not None})


def agent_end(id: str, error: BaseException | None) -> Event:
    """It is done, or failed."""
    if error is None:
        return event("SUBAGENT_FINISHED", {"subagentRunId": id})
    return event("SUBAGENT_ERROR", {"subagentRunId": id, "message": words(error)})


def words(error: BaseException) -> str:
    """What an exception says, in characters that every reader takes."""
    told = (str(error) or type(error).__name__)[:DELTA_CHARACTERS]
    return told.encode("utf-8", "replace").decode()


def _one_of(field: str, value: str, of: Any) -> None:
    names = get_args(of)
    if value not in names:
        raise ValueError(f"{field} is {value!r}; known are {', '.join(names)}")
