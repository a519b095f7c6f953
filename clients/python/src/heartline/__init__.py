"""Heartline for Python: create, watch and run executions.

`Client` creates executions, looks at them and watches them. `Runner` takes them from queues and
runs handlers, which say what they do through a `Context` or a `SyncContext`. The types of what the
server sends are in `heartline.wire`, the exceptions in `heartline.errors`.
"""

from . import wire
from ._version import __version__
from .client import Client
from .context import Context, SyncContext
from .errors import (
    BadRequest,
    Cancelled,
    Conflict,
    DefinitionInvalid,
    EventRejected,
    Forbidden,
    Gap,
    HandlerError,
    HeartlineError,
    Invalid,
    NonRetryable,
    NotCompleted,
    NotFound,
    PreconditionFailed,
    Problem,
    Reset,
    Revoked,
    ServerError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unreachable,
)
from .runner import Runner

__all__ = [
    "BadRequest",
    "Cancelled",
    "Client",
    "Conflict",
    "Context",
    "DefinitionInvalid",
    "EventRejected",
    "Forbidden",
    "Gap",
    "HandlerError",
    "HeartlineError",
    "Invalid",
    "NonRetryable",
    "NotCompleted",
    "NotFound",
    "PreconditionFailed",
    "Problem",
    "Reset",
    "Revoked",
    "Runner",
    "ServerError",
    "SyncContext",
    "TooLarge",
    "TooMany",
    "Unauthorized",
    "Unreachable",
    "__version__",
    "wire",
]
