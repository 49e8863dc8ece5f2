# SPDX-License-Identifier: MIT
"""Mounting in a stack's namespace, and collecting exactly what was told about it."""
import pathlib
import subprocess
import uuid

from harness.events import unique

SCRIPT = pathlib.Path(__file__).with_name("mount_api.py")
PYTHON = "/usr/bin/python3"
IMAGE_BYTES = 8 << 20


class Image:
    """An ext4 file system in a file."""

    def __init__(self, directory, label=None):
        self.path = directory / f"{unique('image')}.img"
        self.label = label or unique("L")[:16]
        self.uuid = str(uuid.uuid4())
        with open(self.path, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-L", self.label, "-U", self.uuid,
                        str(self.path)], check=True)


class Told:
    """What was told between two moments: the events of one client."""

    def __init__(self, events):
        self.events = events

    def __len__(self):
        return len(self.events)

    def __repr__(self):
        return "\n".join(str(event) for event in self.events)

    def paths(self, name):
        return [event["payload"]["mount_path"] for event in self.events if event["type"] == name]

    @property
    def mounted(self):
        return self.paths("device.mounted")

    @property
    def unmounted(self):
        return self.paths("device.unmounted")


class Mounts:
    """Directories to mount on, and the commands that do."""

    def __init__(self, stack):
        self.stack = stack
        self.root = stack.run / "mnt"
        self.root.mkdir(exist_ok=True)
        self.images = stack.run / "images"
        self.images.mkdir(exist_ok=True)

    def directory(self, name="d"):
        path = self.root / unique(name)
        path.mkdir()
        return path

    def image(self, label=None):
        return Image(self.images, label)

    def mount(self, *arguments, **more):
        """mount(8); its pid."""
        return self.stack.inside("mount", *arguments, **more)[0]

    def umount(self, *arguments, **more):
        return self.stack.inside("umount", *arguments, **more)[0]

    def tmpfs(self, path=None, source="hostcast-test"):
        path = path or self.directory()
        self.mount("-t", "tmpfs", source, path)
        return path

    def call(self, *arguments):
        """One of the functions of mount_api.py, in the namespace; its pid."""
        return self.stack.inside(PYTHON, SCRIPT, *arguments)[0]

    def watch(self, *clients):
        return Watch(self, clients)


class Watch:
    """Collects, at every client, what the loader tells.

    An event takes its time through the loader, so the end of the collecting is marked on the same
    way: with a mount, and, when that has been told, its umount. The loader tells changes in the
    order in which it sees them in the table; what is told of an action before it precedes the
    second mark, at the latest in the same turn as the first.
    """

    def __init__(self, mounts, clients):
        self.mounts = mounts
        self.clients = clients
        for client in clients:
            client.subscribe("device.*")
        self.told()

    def told(self):
        """One Told per client: everything since the last call."""
        mark = self.mounts.directory("mark")
        seen = [[] for _ in self.clients]
        for name, act in (("device.mounted", self.mounts.tmpfs),
                          ("device.unmounted", self.mounts.umount)):
            act(mark)
            for events, client in zip(seen, self.clients):
                events += client.until(lambda event: is_about(event, name, mark))
        return [Told([event for event in events if not is_about(event, None, mark)])
                for events in seen]

    def exactly(self):
        """What every client was told, which must be the same."""
        every = self.told()
        for other in every[1:]:
            assert other.events == every[0].events
        return every[0]


def is_about(event, name, path):
    return (name is None or event.get("type") == name) and \
        event.get("payload", {}).get("mount_path") == str(path)
