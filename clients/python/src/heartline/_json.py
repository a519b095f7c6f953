"""JSON as the wire wants it."""

from __future__ import annotations

import json
import re
from typing import Any

DEPTH = 60
"""Levels of nesting; the server takes 64, those of the request itself included."""
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")


def encode(value: Any) -> bytes:
    """Compact UTF-8.

    Raises:
        TypeError: for what JSON has no word for.
        ValueError: for NaN and infinities, lone surrogates, and what is nested too deep.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if text.count("[") + text.count("{") > DEPTH:
            _check_depth(value)
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a string holds half of a surrogate pair") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH + 1):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inside += item.values()
            elif isinstance(item, (list, tuple)):
                inside += item
        if not inside:
            return
        level = inside
    raise ValueError(f"it is nested deeper than {DEPTH} levels")


def members(**values: Any) -> bytes:
    """The members of an object, without its braces; those that are `None` are left out."""
    return encode({name: value for name, value in values.items() if value is not None})[1:-1]


def seconds(duration: str, default: float) -> float:
    """Seconds of a duration such as ``1m30s`` or ``250ms``; `default` for what is none."""
    found = _DURATION.fullmatch(duration)
    if not duration or found is None:
        return default
    d, h, m, s, ms = (int(part or 0) for part in found.groups())
    return d * 86400 + h * 3600 + m * 60 + s + ms / 1000
