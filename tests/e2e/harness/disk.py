# SPDX-License-Identifier: MIT
"""A hub whose log is on a file system of its own, in a mount namespace of its own.

Nothing of it is seen outside but through /proc; it goes away with the hub.
"""
import os
import pathlib
import signal
import subprocess

from harness.hub import Hub
from harness.processes import alive, wait_for


class DiskHub(Hub):
    """`mount` are the arguments of mount(8) but for the directory; without spaces."""

    def __init__(self, mount, extra=None):
        self.disk = None
        self.mount = [str(argument) for argument in mount]
        super().__init__(extra)

    def configure(self, extra=None):
        self.disk = self.run / "disk"
        self.disk.mkdir(exist_ok=True)
        log = {"path": self.disk / "events.db", **(extra or {}).get("log", {})}
        super().configure({**(extra or {}), "log": log})

    def start(self, prefix=()):
        return super().start([
            "unshare", "--mount", "--propagation", "private", "sh", "-c",
            'mount $1 "$2" && shift 2 && exec "$@"', "sh", " ".join(self.mount), self.disk,
            *prefix])

    def inside(self):
        """The directory of the log, as the hub sees it."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.disk}")

    def remount(self, options):
        """The pid stays the hub's: mount(8) joins its namespace."""
        subprocess.run(["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "mount", "-o",
                        f"remount,{options}", str(self.disk)], check=True)


def image(path, mebibytes):
    """An empty ext4 file system in a file."""
    with open(path, "wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True)
    return path


class PowerHub(DiskHub):
    """Its log is on a disk that can lose its power: what was not synced is gone then."""

    def __init__(self, extra=None, mebibytes=32):
        super().__init__((), extra)
        self._number = 0
        self._use(image(self.run / "disk0.img", mebibytes))

    def _use(self, path):
        self.image = path
        self.mount = ["-o", "loop", str(path)]

    def cut_power(self):
        """Everything stops at once; what the disk holds at that moment is all that is left."""
        self.process.signal(signal.SIGSTOP)
        wait_for(lambda: is_stopped(self.process.pid), "all threads to stop")
        self._number += 1
        left = self.run / f"disk{self._number}.img"
        subprocess.run(["cp", "--sparse=always", str(self.image), str(left)], check=True)
        pid, old = self.process.pid, self.image
        self.kill()
        assert not alive(pid)
        old.unlink()
        self._use(left)


def is_stopped(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        text = pathlib.Path(f"/proc/{pid}/task/{task}/stat").read_text()
        if text[text.rindex(")") + 2] not in "Tt":
            return False
    return True
