# SPDX-License-Identifier: MIT
"""The loader without its hub, the hub without its loader."""
import os
import signal
import time

import pytest

from harness.mounts import Mounts
from harness.processes import STALL_S, is_asleep, wait_for
from harness.stack import Stack
from scale import record, sized

STOPPED_S = 7  # three questions, one every 1.5 s, find no answer first
BACK_S = 2 + STALL_S
AWAY = sized(200, 1_500)  # mounts, and as many umounts, while the hub is away
AT_ONCE = 500  # of each, without a pause; the kernel's ring has room for 1,700 records
FLOOD = 1_200  # of each, more than the ring has room for
OVERFLOW = 2_200  # the same, more than the 4,096 events that a loader keeps
PATIENCE_S = 60


class AloneStack(Stack):
    """Its supervisor can be stopped, so that what dies stays dead until we want it back."""

    def hold(self):
        self.process.signal(signal.SIGSTOP)

    def release(self):
        self.process.signal(signal.SIGCONT)


@pytest.fixture
def stack(privileged):
    stack = AloneStack()
    try:
        yield stack.start()
    finally:
        stack.release()
        stack.close()


def status_is(running):
    return lambda event: event["type"] == "detector.status" and \
        event["payload"]["running"] is running


def position(stack):
    status = stack.rest().read("/api/status")
    return f"{status['epoch']}-{status['sequence']}"


def is_at_rest(pid):
    """Asleep for a while: what the kernel had for it, it has taken."""
    for _ in range(10):
        time.sleep(0.01)
        if not is_asleep(pid):
            return False
    return True


def mount_and_umount(stack, mounts, root, number):
    """That many of each; the paths. Never more at once than the kernel's ring holds."""
    loader, paths = stack.pid("hostcast-bpf"), []
    for begin in range(0, number, AT_ONCE):
        part = root / str(begin)
        mounts.call("many", part, min(AT_ONCE, number - begin))
        mounts.call("none", part, min(AT_ONCE, number - begin))
        paths += [f"{part}/{n}" for n in range(min(AT_ONCE, number - begin))]
        wait_for(lambda: is_at_rest(loader), "a loader at rest", PATIENCE_S)
    return paths


def connect(stack, since):
    def attempt():
        try:
            return stack.straight(f"/ws/events?since={since}")
        except OSError:
            return None
    return wait_for(attempt, "a connection to the hub that is back")


def without_hub(stack, number, last=("type", "device.mounted")):
    """What a client that was away while the hub was is told of devices and gaps, and the paths on
    which things were mounted meanwhile. `last` is a field of the event that comes when nothing is kept any more."""
    mounts = Mounts(stack)
    root = mounts.tmpfs()  # so that thousands of directories go away with it
    with stack.straight() as client:
        assert not mounts.watch(client).exactly().events
    since = position(stack)
    stack.hold()
    os.kill(stack.pid("hostcast-ws"), signal.SIGKILL)
    paths = mount_and_umount(stack, mounts, root, number)
    stack.release()
    with connect(stack, since) as client:
        assert client.receive()["payload"]["complete"] is True
        told = client.until(lambda event: last in [*event.items(), *event["payload"].items()],
                            PATIENCE_S)
        mark = str(mounts.tmpfs())
        told += client.until(lambda event: event["payload"].get("mount_path") == mark, PATIENCE_S)
    sequences = [event["sequence"] for event in told]
    assert sequences == sorted(set(sequences))
    told = [event for event in told[:-1] if event["type"] != "detector.status"]
    gone = set(paths)
    wait_for(lambda: not any(device["mount_path"] in gone for device in
                             stack.rest().read("/api/devices")["devices"]),
             "the umounts that nobody was told of to be found")
    return told, paths


def check_told(events, paths):
    """Nothing twice, nothing else; mounts in order, those that no look at the table has shown among
    themselves, and an umount after its mount. (The order of umounts between two looks nobody
    knows.)"""
    told = [(event["type"], event["payload"]["mount_path"]) for event in events]
    assert len(set(told)) == len(told), "something is told twice"
    mounted = [path for name, path in told if name == "device.mounted"]
    assert set(mounted) <= set(paths)
    for brief in (False, True):  # that a look had missed one is only sure after the next look
        kind = [event["payload"]["mount_path"] for event in events
                if event["type"] == "device.mounted" and ("brief" in event["payload"]) is brief]
        assert kind == sorted(kind, key=paths.index)
    unmounted = [path for name, path in told if name == "device.unmounted"]
    assert len(mounted) + len(unmounted) == len(told) and set(unmounted) <= set(paths)
    assert all(told.index(("device.mounted", path)) < told.index(("device.unmounted", path))
               for path in unmounted[::50])


def test_what_happens_while_the_hub_is_away_is_told_afterwards(stack):
    told, paths = without_hub(stack, AWAY)
    check_told(told, paths)
    assert len(told) == 2 * len(paths)
    record("loader without its hub", f"{len(told):,} events kept, in order, none twice")


def test_what_the_loader_cannot_keep_is_one_exact_gap(stack):
    told, paths = without_hub(stack, OVERFLOW, ("stage", "spool"))
    # That the kernel was too fast is told as well; the table had what its records told.
    told = [event for event in told if event["payload"].get("stage") != "ring"]
    gaps = [event["payload"] for event in told if event["type"] == "detector.gap"]
    assert [gap["stage"] for gap in gaps] == ["spool"], gaps
    kept = told[:[event["type"] for event in told].index("detector.gap")]
    check_told(kept, paths)
    assert len(kept) + gaps[0]["count"] == 2 * len(paths)
    assert stack.rest().read("/api/status")["lost"]["spool"] == gaps[0]["count"]
    record("loader's spool full", f"{len(kept):,} kept, one gap: {gaps[0]['count']}, exact")


def test_what_the_kernel_had_no_room_for_is_one_exact_gap(stack):
    mounts = Mounts(stack)
    root = mounts.tmpfs()
    with stack.straight() as client:
        assert not mounts.watch(client).exactly().events
        client.subscribe("detector.gap")
        before = stack.detector()["counters"]
        loader = stack.pid("hostcast-bpf")
        os.kill(loader, signal.SIGSTOP)
        try:
            mounts.call("many", root, FLOOD)
            mounts.call("none", root, FLOOD)
        finally:
            os.kill(loader, signal.SIGCONT)
        told = client.until(lambda event: event["type"] == "detector.gap", PATIENCE_S)
        mark = str(mounts.tmpfs())
        told += client.until(lambda event: event["payload"].get("mount_path") == mark, PATIENCE_S)
    after = stack.detector()["counters"]
    dropped = after["dropped"] - before["dropped"]
    assert dropped > 0
    assert after["records"] - before["records"] + dropped == 2 * FLOOD + 1
    gaps = [event["payload"] for event in told if event["type"] == "detector.gap"]
    assert sum(gap["count"] for gap in gaps if gap["stage"] == "ring") == dropped
    assert stack.rest().read("/api/status")["lost"]["ring"] == dropped
    record("kernel's ring full", f"{dropped} of {2 * FLOOD:,} calls without a record, one gap: exact")


def test_a_stopped_loader_is_told_and_told_again_when_it_goes_on(stack):
    pid = stack.pid("hostcast-bpf")
    with stack.straight() as client:
        mounts = Mounts(stack)
        mounts.watch(client)  # it is there, and has told what it has to tell
        client.subscribe("detector.status")
        signalled = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            client.until(status_is(False), STOPPED_S + 5)
            stopped = client.times[-1] - signalled
            assert STOPPED_S / 2 < stopped < STOPPED_S + STALL_S
        finally:
            os.kill(pid, signal.SIGCONT)
        continued = time.monotonic()
        client.until(status_is(True))
        back = client.times[-1] - continued
        assert back < BACK_S
        assert mounts.watch(client).exactly().events == []
    record("loader stopped with SIGSTOP", f"told after {stopped:.1f} s, back after {back:.1f} s")
