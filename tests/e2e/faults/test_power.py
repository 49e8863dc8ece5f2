# SPDX-License-Identifier: MIT
"""Power cuts: the disk keeps what was synced and nothing else.

The log is on an ext4 image behind a loop device. All threads of the hub are stopped, the image is
copied, and the hub goes on with the copy: what only the page cache held is gone.
"""
import random
import threading

import pytest

from harness.disk import PowerHub
from harness.flood import Flood, check_log, lost, read_log
from scale import record, sized

MOMENT_S = (0.02, 0.15)


@pytest.fixture
def power_hub(loop_devices):
    made = []

    def make(durability):
        hub = PowerHub({"log": {"durability": durability}}, sized(32, 512))
        made.append(hub)
        return hub.start()

    yield make
    for hub in made:
        hub.close()


def cut_often(hub, rounds):
    """(acknowledged events, events lost in each round)."""
    chance, pause = random.Random(5), threading.Event()
    n_acknowledged, losses = 0, []
    for number in range(rounds):
        with hub.rpc() as rpc:
            last = rpc.greeting["sequence"]
        flood = Flood(hub.socket, f"p{number}", publishers=chance.randint(1, 6),
                      depth=4, batch=chance.choice((1, 8))).begin()
        pause.wait(chance.uniform(*MOMENT_S))
        hub.cut_power()
        flood.finish()
        hub.start()
        with hub.rpc() as rpc:
            same = flood.epochs == {rpc.greeting["epoch"]}
            log = read_log(rpc, last) if same else []
        check_log(log)
        losses.append(len(lost(flood, log)))
        n_acknowledged += len(flood.acknowledged)
    return n_acknowledged, losses


def test_a_power_cut_loses_nothing_acknowledged(power_hub):
    rounds = sized(10, 100)
    n_acknowledged, losses = cut_often(power_hub("disk"), rounds)
    assert losses == [0] * rounds
    record("power cut, durability = disk",
           f"{rounds} rounds, {n_acknowledged:,} acknowledged events: 0 lost")


def test_the_same_cuts_do_lose_what_was_not_synced(power_hub):
    """Else the test above would prove nothing."""
    rounds = sized(6, 30)
    n_acknowledged, losses = cut_often(power_hub("process"), rounds)
    lossy = sum(1 for loss in losses if loss)
    assert lossy * 2 >= rounds, f"only {lossy} of {rounds} cuts lost something: they are none"
    record("the same, durability = process (control)",
           f"{lossy} of {rounds} rounds lost some, {sum(losses):,} of {n_acknowledged:,} events")
