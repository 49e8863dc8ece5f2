# SPDX-License-Identifier: MIT
"""The wall clock jumps: an hour, ten years, forth and back. It is a label, never an order.

The hub runs under faketime(1), which reads the time from a file; CLOCK_MONOTONIC stays real.
"""
import glob
import time

import pytest

from harness.events import is_for_job, progress, unique
from harness.flood import Flood, check_log, read_log
from harness.processes import SANITIZED
from scale import record, sized

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
HOUR_S, YEAR_S = 3600, 365 * 86400
JUMPS = {"an hour": HOUR_S, "ten years": 10 * YEAR_S}
pytestmark = pytest.mark.skipif(SANITIZED, reason="faketime(1) and sanitizers want to be first")
CALM_S = sized(1.2, 5)  # longer than a turn of the hub's timers: what times out early does so then


class Clock:
    """The time of day of one hub."""

    def __init__(self, hub):
        self.file = hub.run / "clock"
        self.set(0)

    def set(self, offset_s):
        """A new file in its place, so that it is never read half written."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self.file)

    def prefix(self):
        library, = glob.glob(LIBRARY)
        return ["env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self.file}",
                "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
                "FAKETIME_DONT_RESET=1"]


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_of_the_clock_moves_nothing_but_timestamps(new_hub, name):
    jump = JUMPS[name]
    hub = new_hub({"clients": {"heartbeat": "1s", "pong_timeout": "4s", "stall_timeout": "4s"}},
                  start=False)
    clock = Clock(hub)
    hub.start(clock.prefix())
    began = time.time()
    with hub.client() as client, hub.rpc() as rpc:
        flood = Flood(hub.socket, "c", publishers=2, depth=2, batch=4, rate=400).begin()
        for offset in (jump, 0, -jump, jump, -jump, 0):
            clock.set(offset)
            told = progress()
            answer = rpc.publish(told)
            seen = client.until(is_for_job(told["payload"]["job_id"]))
            sequences = [message["sequence"] for message in seen if "sequence" in message]
            assert sequences[-1] == answer["sequences"][0]
            stamp = time.mktime(time.strptime(seen[-1]["timestamp"][:19], "%Y-%m-%dT%H:%M:%S"))
            assert abs(stamp - time.timezone - began - offset) < 60, "the clock did jump"
            quiet_until = time.monotonic() + CALM_S / 6
            while time.monotonic() < quiet_until:
                client.receive()
        flood.stop()
        assert flood.epochs == {rpc.greeting["epoch"]} and not flood.refusals
        check_log(read_log(rpc))
        record(f"clock: jumps of {name}", f"{len(flood.acknowledged):,} events in order, nobody "
               "disconnected")


@pytest.mark.parametrize("name", JUMPS)
def test_a_key_is_not_forgotten_because_the_clock_jumped(new_hub, name):
    hub = new_hub(start=False)
    clock = Clock(hub)
    hub.start(clock.prefix())
    event, key = progress(), unique("key")
    with hub.rpc() as rpc:
        answer = rpc.publish(event, key=key)
        for offset in (JUMPS[name], 0, -JUMPS[name]):
            clock.set(offset)
            rpc.publish(progress(), key=unique("key"))
            assert rpc.publish(event, key=key)["sequences"] == answer["sequences"]


def test_a_key_is_not_forgotten_because_the_clock_jumped_and_the_hub_died(new_hub):
    """While it was away only the clock of the day went on, which is not believed for keys."""
    hub = new_hub(start=False)
    clock = Clock(hub)
    hub.start(clock.prefix())
    event, key = progress(), unique("key")
    with hub.rpc() as rpc:
        answer = rpc.publish(event, key=key)
    hub.kill()
    clock.set(10 * YEAR_S)
    hub.start(clock.prefix())
    with hub.rpc() as rpc:
        calm_until = time.monotonic() + CALM_S  # old keys are removed once a second or so
        while time.monotonic() < calm_until:
            rpc.publish(progress(), key=unique("key"))
            time.sleep(0.05)
        assert rpc.publish(event, key=key)["sequences"] == answer["sequences"]
