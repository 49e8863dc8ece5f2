# SPDX-License-Identifier: MIT
"""Fixtures: the whole stack, or the hub alone, once a file or once a test."""
import os
import signal
import subprocess

import pytest

from harness.hub import Hub
from harness.stack import Stack


# A shell lets what it starts in the background ignore this one, and so would what we start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _why_no_mounts():
    if os.geteuid() != 0:
        return "mounting needs root"
    probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"],
                           stderr=subprocess.PIPE, text=True)
    return f"no mount namespace of our own: {probe.stderr.strip()}" if probe.returncode else None


@pytest.fixture(scope="session")
def privileged():
    """Root, and allowed to make a mount namespace; else the test is skipped and says so."""
    why = _why_no_mounts()
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def loop_devices(privileged):
    if not os.path.exists("/dev/loop-control"):
        pytest.skip("no loop devices: /dev/loop-control is missing")


@pytest.fixture(scope="module")
def stack(privileged, request):
    """What `make run` starts; one for a file. STACK in the file adds to its configuration."""
    stack = Stack(getattr(request.module, "STACK", None))
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture
def own_stack(privileged, request):
    """A stack for one test alone: for tests that kill."""
    stack = Stack(getattr(request.module, "STACK", None))
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture(scope="module")
def hub(request):
    """The hub alone; one for a file. HUB in the file adds to its configuration."""
    hub = Hub(getattr(request.module, "HUB", None))
    try:
        yield hub.start()
    finally:
        hub.close()


@pytest.fixture
def new_hub():
    """Makes hubs for one test alone: new_hub({"clients": {"heartbeat": "1s"}})."""
    made = []

    def make(extra=None, *, start=True):
        hub = Hub(extra)
        made.append(hub)
        return hub.start() if start else hub

    yield make
    for hub in made:
        hub.close()


@pytest.fixture
def rpc(hub):
    with hub.rpc() as client:
        yield client


@pytest.fixture(autouse=True)
def hub_lives(request):
    """Whatever a test sends: the programs that it shares with others live on."""
    yield
    if "hub" in request.fixturenames:
        hub = request.getfixturevalue("hub")
        assert hub.process.popen.poll() is None, f"the hub has ended\n{hub.process.output}"
