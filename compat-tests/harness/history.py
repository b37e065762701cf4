# SPDX-License-Identifier: Apache-2.0
"""What a history must not show: each check takes what producers and consumers saw and returns its faults, in words."""

from dataclasses import dataclass

# A clock is read in several processes, each in whole milliseconds.
CLOCK_MS = 5


@dataclass(frozen=True)
class Delivery:
    """A message shown to a listener. `index` counts the deliveries of one member."""

    member: str
    index: int
    at: int
    queue: int
    offset: int
    body: str
    accepted: bool = True


@dataclass(frozen=True)
class Popped:
    """A pop's messages of one queue, by their offsets; with `acked`, the acknowledgement of one, as it is sent."""

    queue: tuple
    offsets: tuple
    acked: bool = False


def lost(acknowledged: set, accepted: set, what: str = "acknowledged") -> list:
    """What a producer was told is kept, and no consumer ever took."""
    missing = acknowledged - accepted
    return [f"{len(missing)} of {len(acknowledged)} {what} messages are missing, such as {sorted(missing)[:5]}"] \
        if missing else []


def uncalled_for(delivered: set, sent: set, what: str = "were never sent") -> list:
    """What came and must not: nobody sent it, or it was taken back."""
    strange = delivered - sent
    return [f"{len(strange)} messages {what} and delivered, such as {sorted(strange)[:5]}"] if strange else []


def misplaced(acknowledged: dict, stored: dict) -> list:
    """Bodies by (queue, offset): as the answers to sends told, and as they are stored."""
    wrong = {place: body for place, body in acknowledged.items() if stored.get(place) != body}
    first = min(wrong, default=None)
    return [f"{len(wrong)} messages are not where their sends were told, the first {wrong[first]!r} at {first}: there is "
            f"{stored.get(first)!r}"] if wrong else []


def disorder(deliveries: list) -> list:
    """Ordered consumption: a member sees a message for the first time when the one before it in its queue was accepted,
    by itself or by another member."""
    faults, accepted, first = [], {}, {}
    for each in sorted(deliveries, key=lambda d: (d.at, d.index)):
        place = (each.queue, each.offset)
        if each.accepted:
            accepted.setdefault(place, []).append(each)
        known = first.get((each.member, *place))
        if known is None or each.index < known.index:
            first[(each.member, *place)] = each
    for each in sorted(first.values(), key=lambda d: (d.at, d.index)):
        before = accepted.get((each.queue, each.offset - 1), [])
        if each.offset > 0 and not any(_precedes(one, each) for one in before):
            faults.append(f"{each.queue}/{each.offset} came to {each.member} before {each.offset - 1} was accepted")
    return faults


def _precedes(one: Delivery, other: Delivery) -> bool:
    return one.index < other.index if one.member == other.member else one.at <= other.at + CLOCK_MS


def pop_disorder(events: list) -> list:
    """Ordered pops, in the order of their answers: a queue's messages come one after the other, and none comes for the
    first time while one of an earlier pop is open."""
    faults, following, opened = [], {}, {}
    for event in events:
        still_open, end = opened.setdefault(event.queue, set()), following.get(event.queue, 0)
        if event.acked:
            still_open.difference_update(event.offsets)
            continue
        if list(event.offsets) != sorted(event.offsets):
            faults.append(f"{event.queue}: popped as {event.offsets}")
        fresh = sorted(offset for offset in event.offsets if offset >= end)
        if fresh and still_open - set(event.offsets):
            faults.append(f"{event.queue}: {fresh} came while {sorted(still_open - set(event.offsets))} were open")
        if fresh and fresh != list(range(end, end + len(fresh))):
            faults.append(f"{event.queue}: {fresh} came where {end} was due")
        still_open.update(fresh)
        following[event.queue] = max([end, *(offset + 1 for offset in fresh)])
    return faults


def early(deliveries: list, due: dict) -> list:
    """Timers: what came before its moment, milliseconds by body."""
    return [f"{each.body!r} came {due[each.body] - each.at} ms early"
            for each in deliveries if each.at < due[each.body] - CLOCK_MS]
