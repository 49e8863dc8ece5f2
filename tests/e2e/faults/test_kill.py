# SPDX-License-Identifier: MIT
"""kill -9 of the hub, again and again, while publishers keep many requests under way."""
import random
import shutil
import sqlite3

from harness.flood import Flood, check_log, lost, read_log
from harness.processes import wait_for
from scale import record, sized

ROUNDS = sized(50, 200)
ROUNDS_A_HUB = 50  # then a new log: the integrity check reads all of it
EVENTS_MIN = sized(5_000, 1_000_000)
MOMENT = sized((1, 400), (3_500, 8_000))  # acknowledged events at the kill
PATIENCE_S = 120  # one publisher with one event at a time waits for the disk each time


def integrity(hub, directory):
    """What SQLite says of a copy of the log as it was left."""
    for name in ("events.db", "events.db-wal"):
        if (hub.run / name).exists():
            shutil.copy(hub.run / name, directory / name)
    connection = sqlite3.connect(directory / "events.db")
    try:
        return connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()


def test_nothing_acknowledged_is_lost_by_kills_at_random_moments(new_hub, tmp_path):
    chance = random.Random(20)
    n_acknowledged = n_unknown = 0
    for number in range(ROUNDS):
        if number % ROUNDS_A_HUB == 0:
            hub, last = new_hub(), 0
            with hub.rpc() as rpc:
                epoch = rpc.greeting["epoch"]
        flood = Flood(hub.socket, f"r{number}", publishers=chance.randint(1, 8),
                      depth=chance.randint(1, 8), batch=chance.choice((1, 16, 64))).begin()
        moment = chance.randrange(*MOMENT)
        wait_for(lambda: len(flood.acknowledged) >= moment or not flood.is_alive(), "the moment",
                 PATIENCE_S)
        hub.kill()
        flood.finish()
        assert integrity(hub, tmp_path) == [("ok",)]
        hub.start()
        with hub.rpc() as rpc:
            assert rpc.greeting["epoch"] == epoch, "the same log, the same epoch"
            log = read_log(rpc, last)
            last = rpc.greeting["sequence"]
        check_log(log)
        assert not (missing := lost(flood, log)), f"round {number}: lost {missing[:5]}"
        assert flood.epochs == {epoch} and not flood.refusals
        n_acknowledged += len(flood.acknowledged)
        n_unknown += len(flood.unknown)
    assert n_acknowledged >= EVENTS_MIN, "too few events to prove anything"
    assert n_unknown > ROUNDS, "the kills came when nothing was under way"
    record("kill -9 of the hub", f"{ROUNDS} rounds, {n_acknowledged:,} acknowledged events: "
           "0 lost, 0 corrupt")
