#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long after mount(2) has returned a client has the message: 200 mounts, one every 20 ms.

The mounting process writes CLOCK_MONOTONIC after each call; the client reads it when a whole
message is in its hands, after decoding nothing but the frame.
"""
import json
import subprocess
import sys
import time

from measure import percentile, table, with_stack

from harness.mounts import PYTHON, Mounts
from harness.rest import UNVERIFIED
from harness.websocket import TEXT, RawWebSocket

N = int(sys.argv[1]) if len(sys.argv) > 1 else 200
PAUSE_S = 0.02

MOUNTER = """
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.stdin:
    verb, path = line.split()
    if verb == "mount":
        result = libc.mount(b"bench", path.encode(), b"tmpfs", 0, None)
    else:
        result = libc.umount2(path.encode(), 0)
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert result == 0, ctypes.get_errno()
    print(repr(now), flush=True)
"""


class Client(RawWebSocket):
    """Reads frames as soon as they are there; over TLS if asked."""

    def __init__(self, port, tls):
        self._tls = tls
        super().__init__(port, "/ws/events")
        assert self.status == 101, self.status

    def connect(self, host, port, timeout):
        plain = super().connect(host, port, timeout)
        if not self._tls:
            return plain
        return UNVERIFIED.wrap_socket(plain, server_hostname="localhost")

    def wait_for(self, name, path):
        """CLOCK_MONOTONIC when that event came."""
        wanted = [f'"{name}"'.encode(), json.dumps(path).encode()]
        while True:
            opcode, payload = self.read_frame()
            now = time.clock_gettime(time.CLOCK_MONOTONIC)
            if opcode == TEXT and all(part in payload for part in wanted):
                return now


def measure_one(stack, mounts, mounter, client):
    """Two lists of seconds: mounts, umounts."""
    def act(verb, path):
        mounter.stdin.write(f"{verb} {path}\n")
        mounter.stdin.flush()
        return float(mounter.stdout.readline())

    took = {"mount": [], "umount": []}
    for _ in range(N):
        path = str(mounts.directory("b"))
        for verb, name in (("mount", "device.mounted"), ("umount", "device.unmounted")):
            done = act(verb, path)
            took[verb].append(client.wait_for(name, path) - done)
            time.sleep(PAUSE_S)
    return took


def row(name, seconds):
    ms = [1000 * value for value in seconds]
    return [name] + [f"{value:.2f}" for value in (percentile(ms, 50), percentile(ms, 90),
                                                  percentile(ms, 99), max(ms))]


def measure(stack):
    mounts = Mounts(stack)
    mounter = subprocess.Popen(
        ["nsenter", f"--mount=/proc/{stack.process.pid}/ns/mnt", PYTHON, "-u", "-c", MOUNTER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    rows = []
    try:
        for name, port, tls in (("ws, straight to the hub", stack.ws.number, False),
                                ("wss, through Apache", stack.https.number, True)):
            with Client(port, tls) as client:
                for verb, seconds in measure_one(stack, mounts, mounter, client).items():
                    rows.append(row(f"{verb}, {name}", seconds))
    finally:
        mounter.stdin.close()
        mounter.wait()
    table(f"from the system call's return to the client's message: {N} each, ms "
          f"(detector: {stack.detector()['mode']})", ["", "p50", "p90", "p99", "max"], rows)


if __name__ == "__main__":
    with_stack(measure)
