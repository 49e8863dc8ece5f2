# SPDX-License-Identifier: MIT
"""The disk of the log is full: publishers are told at once, nobody is sent away, it heals."""
import os
import threading
import time

import pytest

from harness.disk import DiskHub
from harness.events import is_for_job, progress, unique
from harness.processes import DEADLINE, STALL_S, wait_for
from harness.rpc import Fault
from harness.stack import Stack
from scale import record

REFUSED_S = 1 + STALL_S
HEALED_S = 5 + STALL_S
FULL_S = 2


def fill(path):
    """A file of all that is left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


class FullStack(Stack):
    """A stack whose log is on a tmpfs with a size."""

    def __init__(self):
        super().__init__()
        self.disk = self.run / "log"
        self.disk.mkdir()

    def command(self):
        return ["sh", "-c", 'mount -t tmpfs -o size=4m,mode=1777 none "$1" && shift && exec "$@"',
                "sh", self.disk, *super().command()]

    def fill(self):
        fill(self.inside_path("filler"))

    def free(self):
        os.unlink(self.inside_path("filler"))

    def inside_path(self, name):
        return f"/proc/{self.process.pid}/root{self.disk}/{name}"


@pytest.fixture
def stack(privileged):
    stack = FullStack()
    try:
        yield stack.start()
    finally:
        stack.close()


class Poster(threading.Thread):
    """POSTs one event after the other, and takes note of each answer."""

    def __init__(self, rest):
        super().__init__(daemon=True)
        self.rest = rest
        self.answers = []  # (CLOCK_MONOTONIC when asked, when answered, status, job)
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            event = {"type": "job.progress", "payload": {
                "job_id": unique("full"), "percent": 50, "step": "x" * 4000}}
            asked = time.monotonic()
            answer = self.rest.post("/api/events", event)
            self.answers.append((asked, time.monotonic(), answer, event["payload"]["job_id"]))
            if answer.status != 201:
                self.stopping.wait(0.05)

    def wait_for(self, status, since):
        """The first answer with that status to what was asked since then."""
        def found():
            return next((answer for answer in list(self.answers)
                         if answer[0] >= since and answer[2].status == status), None)
        return wait_for(found, f"a {status}")


def test_a_full_disk_is_507_at_once_and_heals_without_a_restart(stack):
    rest = stack.rest()
    with stack.straight() as direct, stack.through_apache() as browser:
        poster = Poster(rest)
        poster.start()
        poster.wait_for(201, 0)
        full = time.monotonic()
        stack.fill()
        asked, answered, answer, _ = poster.wait_for(507, full)
        assert answered - asked < REFUSED_S
        assert answer.type == "application/problem+json", answer
        health = rest.read("/healthz")
        assert health["status"] == "degraded"
        assert any(reason.startswith("log: ") for reason in health["reasons"]), health
        threading.Event().wait(FULL_S)
        freed = time.monotonic()
        stack.free()
        healed = poster.wait_for(201, freed)[1] - freed
        assert healed < HEALED_S
        poster.stopping.set()
        poster.join(DEADLINE)
        assert not any(reason.startswith("log: ") for reason in rest.read("/healthz")["reasons"])

        end = progress()
        assert rest.post("/api/events", end).status == 201
        stored = [job for *_, answer, job in poster.answers if answer.status == 201]
        refused = [answer for *_, answer, _ in poster.answers if answer.status != 201]
        assert {answer.status for answer in refused} == {507}
        assert max(answered - asked for asked, answered, *_ in poster.answers) < REFUSED_S
        for client in (direct, browser):
            shown = client.until(is_for_job(end["payload"]["job_id"]))
            jobs = [message["payload"].get("job_id") for message in shown]
            assert [job for job in jobs if job in set(stored)] == stored, "all, in order"
            assert len(jobs) == len(set(jobs) - {None}) + jobs.count(None)
        record("full disk", f"{len(refused)} × 507, first 201 {healed:.2f} s after space came "
               "back, nobody disconnected")


def test_what_the_hub_could_not_tell_is_told_when_there_is_room(privileged):
    hub = DiskHub(["-t", "tmpfs", "-o", "size=2m", "none"])
    try:
        hub.start()
        with hub.client("/ws/status") as client, hub.rpc() as publisher:
            with hub.rpc(role="loader") as loader:
                loader.publish({"type": "detector.status", "payload": {
                    "running": True, "monitoring_enabled": True}})
                client.until(lambda message: message["data"].get("running") is True)
                fill(hub.inside() / "filler")
                with pytest.raises(Fault, match="storage_full"):
                    while True:
                        publisher.publish({"type": "job.progress", "payload": {
                            "job_id": unique(), "percent": 1, "step": "x" * 4000}})
            hub.process.wait_line("loader gone")
            os.unlink(hub.inside() / "filler")
            told = client.until(lambda message: message["data"].get("running") is False)[-1]
            assert told["data"]["reasons"]
        assert hub.process.output.count("the log is not well") == 1
        assert "cannot publish" not in hub.process.output, "that is what the other line says"
    finally:
        hub.close()
