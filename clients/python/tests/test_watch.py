"""Watching, against a server that misbehaves on purpose."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from heartline import HeartlineError, Problem

from .test_socket import ID, Peer, scripted

if TYPE_CHECKING:
    from heartline import Client


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "code": code, "detail": f"{code}, told", **more}


async def subscribed(peer: Peer) -> None:
    await peer.say(op="hello", limits={}, heartbeat="25s")
    await peer.hear("subscribe")
    await peer.say(op="subscribed", execution=ID, head=9, oldest=1)


async def seen(client: Client, patience: float) -> list[int]:
    return [event["seq"] async for event in client.watch(ID, patience=patience)]


async def test_who_is_refused_right_after_it_subscribed_waits_ever_longer_and_gives_up() -> None:
    began: list[float] = []

    async def refuses(peer: Peer) -> None:
        began.append(time.monotonic())
        await subscribed(peer)
        await peer.say(op="error", problem=problem(503, "busy"))

    async with scripted(*[refuses] * 20) as client:
        with pytest.raises(HeartlineError, match="busy"):
            await seen(client, patience=2)
    waits = [after - before for before, after in itertools.pairwise(began)]
    # Each from the beginning would be 0.1 s at most, and it would never give up.
    assert 3 <= len(waits) <= 8
    assert waits[-1] >= 0.4, waits


async def test_what_is_damaged_in_the_store_is_not_asked_for_again() -> None:
    async def damaged(peer: Peer) -> None:
        await subscribed(peer)
        await peer.say(op="error", problem=problem(500, "corrupt"))

    async with scripted(damaged) as client:
        with pytest.raises(Problem) as told:
            await seen(client, patience=30)
    assert told.value.code == "corrupt"
