# SPDX-License-Identifier: MIT
"""The n-th call of a kind fails: no crash, nothing acknowledged is lost, it is told, it heals.

strace counts the calls of each thread, and tells in its output which of them it let fail.
"""
import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

from harness.flood import Flood, check_log, lost, name_of, read_log
from harness.hub import Hub
from harness.processes import Failure, SANITIZED, STALL_S, wait_for
from harness.rpc import Fault
from scale import record, sized

EVENTS = 60  # in about 24 commits, one after the other
MANY_EVENTS = 600
HEAL_S = 5 + STALL_S
STAYS_S = 2.5  # longer than from one look at the disk to the next
BEYOND_N = 400  # the workload makes fewer calls of each kind

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="strace needs root")

CASES = [
    ("pwrite64", "EIO", (1, 4, 9, 20, 33)),
    ("pwrite64", "ENOSPC", (2, 13, 40)),
    ("fdatasync", "EIO", (1, 2, 3, 10)),
    ("fdatasync", "ENOSPC", (4,)),
    ("ftruncate", "EIO", (1, 2)),
    ("openat", "EIO", (20, 44, 48, 52)),
    ("openat", "EMFILE", (46, 50)),
]


def strace(hub, call, error, when):
    """A prefix of the hub's command: the hub stays our child, strace is beside it."""
    leaks = ["env", f"ASAN_OPTIONS={hub.environment()['ASAN_OPTIONS']}:detect_leaks=0"]
    return [*(leaks if SANITIZED else []), "strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o",
            hub.run / "strace", "-e", f"trace={call}", "-e", "signal=none", "-e",
            f"inject={call}:error={error}:when={when}"]


def injected(hub):
    """The paths, or what else is quoted, of the calls that have failed."""
    lines = (hub.run / "strace").read_text(errors="replace").splitlines()
    return [line.split('"')[1] if '"' in line else "" for line in lines if "(INJECTED)" in line]


@contextlib.contextmanager
def every_call_fails(hub, call, error, when="1+"):
    """strace comes when the hub runs, and goes."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", hub.run / "strace", "-p", str(hub.process.pid), "-e",
         f"trace={call}", "-e", "signal=none", "-e",
         f"inject={call}:error={error}:when={when}"])
    try:
        wait_for(lambda: is_traced(hub.process.pid) or tracer.poll() is not None, "strace")
        assert tracer.poll() is None, "strace has ended"
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def is_traced(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)


def starts(hub, prefix):
    """Whether it does; if not, it must have ended by itself, and told why. Without /dev/urandom
    libwebsockets 4.1.6 follows a NULL pointer while it starts: that is not ours."""
    try:
        hub.start(prefix)
        return True
    except Failure:
        status = hub.process.popen.poll()
        if status == -signal.SIGSEGV and injected(hub) == ["/dev/urandom"]:
            return False
        assert status is not None and status > 0, f"{status}\n{hub.process.output}"
        assert hub.process.output.strip(), "it said nothing"
        return False


def connect(hub):
    """A client; the first may be the one for which there was no memory or no socket."""
    for _ in range(2):
        client = hub.client()
        with hub.rpc() as rpc:
            if rpc.call("status")["clients"]:
                return client
    raise Failure("the hub takes no client")


def check(hub, flood, n_events=EVENTS):
    with hub.rpc() as rpc:
        log = read_log(rpc)
    check_log(log)
    assert not (missing := lost(flood, log)), f"lost {missing[:3]}"
    assert len({name_of(event) for event in log} - {None}) == n_events
    return log


def check_client(client, flood, log):
    """It stayed connected, and saw everything once and in order."""
    end = max(flood.acknowledged)
    shown = client.until(lambda message: message["sequence"] >= end)
    assert [event["sequence"] for event in shown] == [event["sequence"] for event in log
                                                      if event["sequence"] <= end]
    client.close()


def check_files(hub):
    """With the hub killed, so that the files are as it left them."""
    hub.kill()
    connection = sqlite3.connect(hub.run / "events.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def flood_for(hub, n_events=EVENTS):
    return Flood(hub.socket, "io", publishers=1, depth=1, batch=4, events=n_events,
                 persistent=True)


def fail_once(hub, call, error, n):
    """Whether there was an n-th call."""
    if not starts(hub, strace(hub, call, error, n)):
        hub.start()
        return True
    client, flood = connect(hub), flood_for(hub)
    flood.start()
    flood.finish()
    assert hub.process.popen.poll() is None, f"the hub has ended\n{hub.process.output}"
    check_client(client, flood, check(hub, flood))
    check_files(hub)
    hub.start()
    check(hub, flood)
    return bool(injected(hub))


def test_what_a_killed_hub_has_left_is_synced_before_anybody_sees_it(new_hub):
    """It may have been killed before the end of a commit; the next one would show that commit."""
    hub = new_hub()
    flood = Flood(hub.socket, "s").begin()
    hub.kill()
    flood.finish()
    prefix = strace(hub, "fdatasync,listen", "EIO", 9999)
    hub.start(prefix[:-2] + ["-y"])
    calls = (hub.run / "strace").read_text().splitlines()
    first = {name: min((at for at, line in enumerate(calls) if name in line), default=None)
             for name in ("events.db-wal>", "listen(")}
    assert first["events.db-wal>"] is not None, calls
    assert first["events.db-wal>"] < first["listen("], calls


@pytest.mark.parametrize("call, error, sample", CASES, ids=lambda value: str(value).split()[0])
def test_the_nth_call_fails(call, error, sample):
    fired = 0
    for n in sized(sample, range(1, BEYOND_N)):
        hub = Hub()
        try:
            if not fail_once(hub, call, error, n):
                break
            fired += 1
        except AssertionError as failure:
            raise Failure(f"n = {n}: {failure}\n{hub.process.output}") from failure
        finally:
            hub.close()
    assert fired, "no call failed: the test tests nothing"
    record(f"{call}: {error}", f"{fired} times another call failed: no crash, 0 lost")


@pytest.mark.parametrize("call, error, code", [
    ("pwrite64", "EIO", "unavailable"), ("fdatasync", "EIO", "unavailable"),
    ("pwrite64", "ENOSPC", "storage_full")])
def test_all_calls_fail_until_the_disk_is_mended(new_hub, call, error, code):
    hub = new_hub()
    client, flood = connect(hub), flood_for(hub, MANY_EVENTS)
    with every_call_fails(hub, call, error):
        flood.start()
        wait_for(lambda: len(flood.refusals) > 3, "refusals")
        assert {refusal["code"] for _, refusal in flood.refusals} == {code}
        with hub.rpc() as rpc:
            wait_for(lambda: rpc.call("status")["log"].get("error"), "degraded, and why")
            # A disk may have room and yet say that it has none: a quota does.
            stays_until = time.monotonic() + (STAYS_S if error == "ENOSPC" else 0)
            while time.monotonic() < stays_until:
                assert rpc.call("status")["log"]["degraded"], "nothing was written"
    mended = time.monotonic()
    flood.finish()
    first = next(when for when, _ in flood.acknowledged_at if when > mended)
    assert first < mended + HEAL_S
    with hub.rpc() as rpc:
        wait_for(lambda: not rpc.call("status")["log"]["degraded"], "healed", HEAL_S)
    check_client(client, flood, check(hub, flood, MANY_EVENTS))
    check_files(hub)
    hub.start()
    check(hub, flood, MANY_EVENTS)
    record(f"every {call}: {error}", f"{code}, healed {first - mended:.2f} s after it was over")


def test_a_disk_that_does_not_read_for_a_while_has_no_damaged_log_on_it(new_hub):
    hub = new_hub()
    client, flood = connect(hub), flood_for(hub)
    flood.start()
    flood.finish()
    with every_call_fails(hub, "pread64", "EIO", "5+7"), hub.rpc(role="cli") as rpc:
        fails_until, n_failed = time.monotonic() + STAYS_S, 0
        while time.monotonic() < fails_until:
            n_failed += "error" in read_or_fault(rpc)
        assert n_failed, "nothing was read from the disk"
    with hub.rpc() as rpc:
        wait_for(lambda: not rpc.call("status")["log"]["degraded"], "healed", HEAL_S)
        assert flood.epochs == {rpc.greeting["epoch"]}
    check_client(client, flood, check(hub, flood))
    assert "set aside" not in hub.process.output


def read_or_fault(rpc):
    """An old page of history, which is not in memory any more."""
    try:
        return rpc.call("events", after=0, limit=1000)
    except Fault as fault:
        return {"error": fault.code}
