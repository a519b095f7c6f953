"""The queue between a handler and the network: bounded, in order, merged where it may be."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from heartline import _events as events
from heartline._outbox import BATCH_BYTES, BATCH_EVENTS, Call, Event, Outbox
from heartline.errors import Revoked


def plain(number: int) -> Event:
    return events.custom("n", number)


def bodies(batch: list[Event] | Call) -> list[object]:
    assert isinstance(batch, list)
    return [json.loads(event.json())["data"] for event in batch]


async def taken(outbox: Outbox) -> list[Event] | Call:
    return await asyncio.wait_for(outbox.next(), 2)


def outbox(limit_bytes: int = 1 << 20, limit_events: int = 10_000) -> Outbox:
    return Outbox(asyncio.get_running_loop(), limit_bytes, limit_events)


async def test_batches_and_calls_come_out_in_order_and_within_bounds() -> None:
    box = outbox(8 << 20)
    for number in range(BATCH_EVENTS + 1):
        box.put(plain(number))
    box.put_call(Call("flush"))
    big = "x" * 200_000
    for _ in range(4):
        box.put(events.custom("big", big))
    assert len(bodies(await taken(box))) == BATCH_EVENTS
    assert bodies(await taken(box)) == [{"name": "n", "value": BATCH_EVENTS}]
    assert isinstance(await taken(box), Call)
    batch = await taken(box)
    assert isinstance(batch, list)
    assert sum(len(event.json()) for event in batch) < BATCH_BYTES + len(big) + 1000
    assert len(batch) == 3


async def test_deltas_that_wait_are_merged_into_the_same_text() -> None:
    box = outbox()
    texts = ["a", "é", '"', "\\n\n", "𝄞", "</script>"]
    for text in texts:
        for delta in events.message_delta("m", text, None):
            box.put(delta)
    for delta in events.message_delta("other", "b", None):
        box.put(delta)
    for delta in events.message_delta("m", "c", "sub"):
        box.put(delta)
    assert bodies(await taken(box)) == [
        {"messageId": "m", "delta": "".join(texts)},
        {"messageId": "other", "delta": "b"},
        {"messageId": "m", "subagentRunId": "sub", "delta": "c"},
    ]


async def test_what_is_under_way_is_not_merged_into() -> None:
    box = outbox()
    [first] = events.message_delta("m", "a", None)
    [second] = events.message_delta("m", "b", None)
    box.put(first)
    batch = await taken(box)
    box.put(second)
    assert bodies(batch) == [{"messageId": "m", "delta": "a"}]
    assert bodies(await taken(box)) == [{"messageId": "m", "delta": "b"}]


async def test_of_progress_that_waits_the_last_counts() -> None:
    box = outbox()
    for number in range(100):
        box.put(events.progress(number / 100, None, {"next": number}))
    [told] = bodies(await taken(box))
    assert told == {"name": "progress", "value": {"fraction": 0.99, "details": {"next": 99}}}
    box.put(events.progress(1.0, None, None))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(box.next(), 0.05)
    box.put(plain(1))
    assert len(bodies(await taken(box))) == 2


async def test_a_full_outbox_makes_whoever_says_something_wait_and_forgets_nothing() -> None:
    box = outbox(limit_events=3)
    waiting = [box.put(plain(number)) for number in range(6)]
    assert [room is None for room in waiting] == [True] * 3 + [False] * 3
    assert box.waiting[0] == 3
    room = waiting[3]
    assert room is not None
    room.cancel()
    batch = await taken(box)
    assert isinstance(batch, list)
    box.settled(batch)
    assert [b["value"] for b in bodies(await taken(box))] == [4, 5]  # type: ignore[index]
    assert all(room.done() for room in waiting if room is not None)


async def test_many_threads_lose_nothing() -> None:
    box = outbox(limit_bytes=20_000)
    count = 2000

    def say(thread: int) -> None:
        for number in range(count):
            room = box.put(events.custom(str(thread), number))
            if room is not None:
                room.result(20)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got: dict[str, list[int]] = {}
    while sum(map(len, got.values())) < 4 * count:
        batch = await taken(box)
        assert box.waiting[1] <= 20_000
        for data in bodies(batch):
            assert isinstance(data, dict)
            got.setdefault(data["name"], []).append(data["value"])
        assert isinstance(batch, list)
        box.settled(batch)
    assert all(numbers == list(range(count)) for numbers in got.values())
    assert box.waiting == (0, 0)


async def test_a_closed_outbox_tells_everybody() -> None:
    box = outbox(limit_events=1)
    call = Call("flush")
    box.put(plain(1))
    room = box.put(plain(2))
    box.put_call(call)
    box.close(Revoked("lost"))
    assert room is not None
    assert isinstance(room.exception(), Revoked)
    assert isinstance(call.done.exception(), Revoked)
    with pytest.raises(Revoked):
        box.put(plain(3))
    late = Call("flush")
    box.put_call(late)
    assert isinstance(late.done.exception(), Revoked)


async def test_after_the_last_call_nothing_is_taken() -> None:
    box = outbox()
    box.put(plain(1))
    box.put_call(Call("complete", final=True))
    with pytest.raises(RuntimeError, match="ended"):
        box.put(plain(2))
    assert len(bodies(await taken(box))) == 1
    assert isinstance(await taken(box), Call)
