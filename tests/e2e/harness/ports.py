# SPDX-License-Identifier: MIT
"""Free TCP ports that stay ours: no two tests, in whatever process, get the same one."""
import fcntl
import os
import socket
import pathlib

# Below the range that the kernel hands out to outgoing connections (32768 and up).
RANGE = range(20000, 32000)
LOCKS = pathlib.Path("/tmp/hostcast-ports")


class Port:
    """A port and the lock that keeps it."""

    def __init__(self, number, lock):
        self.number = number
        self._lock = lock

    def release(self):
        os.close(self._lock)


def _is_free(number):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def take():
    LOCKS.mkdir(mode=0o1777, exist_ok=True)
    first = int.from_bytes(os.urandom(2), "little") % len(RANGE)
    for step in range(len(RANGE)):
        number = RANGE[(first + step) % len(RANGE)]
        lock = os.open(LOCKS / str(number), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if _is_free(number):
            return Port(number, lock)
        os.close(lock)
    raise AssertionError("no free TCP port")
