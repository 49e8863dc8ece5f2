# SPDX-License-Identifier: MIT
"""The file system of the log is unmounted while the hub runs: it waits for it, and begins no other
log where it was; all that was acknowledged is there when it is mounted again."""
import subprocess
import time

import pytest

from harness.disk import DiskHub
from harness.events import is_for_job, progress
from harness.hub import Hub
from harness.processes import wait_for
from harness.rpc import Fault
from scale import record

HEAL_S = 5


@pytest.fixture
def disk_hub(privileged, tmp_path):
    hub = DiskHub(["--bind", tmp_path])
    try:
        yield hub
    finally:
        hub.close()


def leave_another_log(hub):
    """In the directory that the mount covers."""
    other = Hub({"log": {"path": hub.disk / "events.db"}})
    try:
        with other.start().rpc() as rpc:
            rpc.publish(progress(), progress())
    finally:
        other.close()


def inside(hub, *command):
    subprocess.run(["nsenter", f"--mount=/proc/{hub.process.pid}/ns/mnt", *map(str, command)],
                   check=True)


@pytest.mark.parametrize("another", [False, True], ids=["nothing below", "another log below"])
def test_a_log_whose_disk_is_unmounted_waits_for_it(disk_hub, another):
    hub = disk_hub
    if another:
        leave_another_log(hub)
    hub.start()
    with hub.rpc() as rpc, hub.client() as client:
        first = rpc.publish(progress())
        inside(hub, "umount", "-l", hub.disk)
        event = progress()
        with pytest.raises(Fault, match="unavailable"):
            rpc.publish(event, key="k")
        wait_for(lambda: "mounted" in rpc.call("status")["log"].get("error", ""), "why")
        with pytest.raises(Fault, match="unavailable"):
            rpc.publish(event, key="k")
        mounted = time.monotonic()
        inside(hub, "mount", *hub.mount, hub.disk)
        wait_for(lambda: not rpc.call("status")["log"]["degraded"], "healed", HEAL_S)
        healed = time.monotonic() - mounted
        answer = rpc.publish(event, key="k")
        assert (answer["epoch"], answer["sequences"]) == (first["epoch"],
                                                          [first["sequences"][0] + 1])
        client.until(is_for_job(event["payload"]["job_id"]))
    assert "set aside" not in hub.process.output
    record("log's disk unmounted", f"503, the same log {healed:.2f} s after it is back")
