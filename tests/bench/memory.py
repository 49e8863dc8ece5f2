#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What each program takes of memory at rest, once it has done its work once."""
import re

from measure import table, with_stack

from harness.events import progress
from harness.mounts import Mounts


def kib(pid):
    """RSS and PSS, KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", file.read(), re.MULTILINE))
    return int(found["Rss"]), int(found["Pss"])


def measure(stack):
    mounts = Mounts(stack)
    with stack.through_apache() as client:
        stack.rest().post("/api/events", progress())
        watch = mounts.watch(client)
        path = mounts.tmpfs()
        watch.exactly()
        mounts.umount(path)
        watch.exactly()
        rows = []
        for name in ("hostcast-ws", "hostcast-bpf", "hostcast-fcgi", "apache2"):
            pids = stack.pids(name)
            sizes = [kib(pid) for pid in pids]
            rows.append([name, len(pids), sum(rss for rss, _ in sizes),
                         sum(pss for _, pss in sizes)])
    table("memory at rest, one client connected, KiB", ["", "processes", "RSS", "PSS"], rows)


if __name__ == "__main__":
    with_stack(measure)
