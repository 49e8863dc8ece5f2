# SPDX-License-Identifier: MIT
"""Clients that come back at random moments: every event once, in order, whatever happens."""
import random
import time

import pytest

from harness.flood import Flood, check_log, name_of, read_log
from harness.follower import (AskingFollower, Crowd, DrowsyFollower, StreamFollower,
                              WebSocketFollower)
from scale import record, sized

CLIENTS = sized(20, 50)
RECONNECTS = sized(8, 20)
EVENTS = sized(4_000, 20_000)
PAUSE_S = sized((0.02, 0.3), (0.05, 0.5))
SECONDS = RECONNECTS * sum(PAUSE_S) / 2  # the events come while the clients come and go
TIMEOUT_S = sized(60, 400)

BODY_BYTES = 2000
RING_MIB = 1

KINDS = [("?since=", WebSocketFollower), ("resume", AskingFollower), ("stream", StreamFollower),
         ("drowsy", DrowsyFollower)]


class Killer:
    """Kills the hub now and then, and starts it at once."""

    def __init__(self, hub, times):
        chance = random.Random(3)
        self.hub = hub
        self.at = sorted(time.monotonic() + chance.uniform(0.1, SECONDS) for _ in range(times))

    def __call__(self):
        if self.at and time.monotonic() > self.at[0]:
            self.at.pop(0)
            self.hub.kill()
            self.hub.start()


def follow(hub, kills, timeout=TIMEOUT_S):
    with hub.rpc() as rpc:
        epoch = rpc.greeting["epoch"]
    followers = [kind(hub.port.number, epoch, number, name) for number in range(CLIENTS)
                 for name, kind in [KINDS[number % len(KINDS)]]]
    for late in followers[::5]:
        late.connect_at = time.monotonic() + SECONDS / 2  # with half of the log to catch up on
    crowd = Crowd(followers, RECONNECTS, PAUSE_S)
    flood = Flood(hub.socket, "o", publishers=3, depth=2, batch=8, events=EVENTS,
                  rate=EVENTS / SECONDS, persistent=True, filler="x" * BODY_BYTES)
    flood.start()
    killer = Killer(hub, kills)

    def last():
        killer()
        return None if flood.is_alive() or killer.at else max(flood.acknowledged)

    try:
        crowd.run(last, timeout)
    finally:
        crowd.close()
    flood.finish()
    with hub.rpc() as rpc:
        log = read_log(rpc)
    check_log(log)
    names = [name_of(event) for event in log]
    assert len(set(names) - {None}) == EVENTS == len(flood.acknowledged), "with those repeated"
    assert all(follower.seen == names[:len(follower.seen)] for follower in followers)
    return [n for follower in followers for n in follower.behind]


@pytest.mark.parametrize("kills", [0, sized(3, 20)], ids=["alive", "killed"])
@pytest.mark.parametrize("ring_mib", [64, RING_MIB])
def test_who_comes_back_sees_every_event_once_and_in_order(new_hub, ring_mib, kills):
    """With a small ring they are behind it, in the log, and have to cross from there to it."""
    behind = follow(new_hub({"hub": {"ring_bytes": f"{ring_mib}M"}}), kills)
    n_in_log = sum(1 for n in behind if n * BODY_BYTES > ring_mib << 20)
    if ring_mib == RING_MIB:
        assert n_in_log >= CLIENTS / 5, "the ring was never left"
    record(f"order and gaps, ring_bytes = {ring_mib}M, {kills} kills",
           f"{CLIENTS} clients came back {len(behind):,} times, {n_in_log:,} times from behind "
           f"the ring; {CLIENTS * EVENTS:,} deliveries: no hole, no double, no disorder")
