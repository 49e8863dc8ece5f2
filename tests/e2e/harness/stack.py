# SPDX-License-Identifier: MIT
"""Everything that `make run` starts, in a mount namespace of its own."""
import os
import signal
import subprocess

from harness import ports
from harness.hub import make_token, write_config
from harness.processes import (BUILD, DEADLINE, Failure, Process, REPO, STOP_DEADLINE, alive,
                               descendants, in_mount_namespace, mount_namespace, remove,
                               sanitizer_environment, sanitizer_reports, short_tempdir, wait_for)
from harness.rest import Rest
from harness.rpc import Rpc
from harness.websocket import RawWebSocket, WebSocket

START_DEADLINE = 3 * DEADLINE  # make a certificate, start four programs


class Stack:
    """conf/run and what it starts.

    The loader watches the namespace that conf/run is in, which is private to this stack: mounts
    of other tests, and of this machine, are not seen in it, nor ours there.
    """

    def __init__(self, extra=None, **environment):
        self.run = short_tempdir()
        self.http, self.https, self.ws = ports.take(), ports.take(), ports.take()
        self.socket = self.run / "hub.sock"
        self.web_socket = self.run / "ws.sock"
        self.extra = self.run / "extra.conf"
        write_config(self.extra, {"health": {"interval": "0"}}, extra)
        self.environment = {
            **os.environ, **sanitizer_environment(self.run),
            "RUN": str(self.run), "B": str(BUILD), "HTTP_PORT": str(self.http.number),
            "HTTPS_PORT": str(self.https.number), "WS_PORT": str(self.ws.number),
            "WSS_PORT": "0",
            "MOUNT_NAMESPACE": "self", "CONF_EXTRA": str(self.extra), **environment,
        }
        self.process = None
        self.namespace = None
        self.namespace_kept = None

    def command(self):
        """What spawn() runs in the new namespace; the process that it becomes is conf/run."""
        return [REPO / "conf/run"]

    def spawn(self):
        """conf/run, not waited for: for starts that fail."""
        self.process = Process(["unshare", "--mount", "--propagation", "private",
                                *self.command()], env=self.environment)
        return self.process

    def start(self):
        self.spawn()
        try:
            self.process.wait_line("hostcast is up: ", START_DEADLINE)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.logs()}") from None
        self.namespace = mount_namespace(self.process.pid)
        # While it is open, no other namespace gets the same number, and is taken for ours.
        self.namespace_kept = os.open(f"/proc/{self.process.pid}/ns/mnt", os.O_RDONLY)
        # Clients can connect before the loader has.
        wait_for(lambda: self.detector()["running"], "the loader")
        return self

    def logs(self):
        """The ends of whatever the programs have written, for failures."""
        found = []
        for path in sorted(self.run.rglob("*log*")):
            if path.is_file():
                text = path.read_text(errors="replace").splitlines()[-30:]
                found.append(f"--- {path}\n" + "\n".join(text))
        return "\n".join(found)

    # ---- the processes -------------------------------------------------------------------

    def pids(self, comm):
        """The processes of that name that live below conf/run, parents first."""
        return [pid for pid, name in descendants(self.process.pid).items() if name == comm]

    def pid(self, comm):
        """The one process of that name; waits for a supervisor that is about to start it."""
        return wait_for(lambda: self.pids(comm), f"a process {comm}")[0]

    def kill(self, comm):
        """kill -9; returns the pid that is gone."""
        pid = self.pid(comm)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid), f"the end of {comm}")
        return pid

    def wait_restarted(self, comm, old):
        return wait_for(lambda: [pid for pid in self.pids(comm) if pid != old],
                        f"a new process {comm}")[0]

    def stop(self):
        """TERM: everything ends in time, leaving no process and no sanitizer's report."""
        namespace = self.namespace
        before = descendants(self.process.pid)
        status = self.process.stop(STOP_DEADLINE)
        left = {pid: name for pid, name in before.items() if alive(pid)}
        if namespace:
            left.update(in_mount_namespace(namespace))
        assert not left, f"left behind: {left}"
        assert status == 0, f"conf/run ended with {status}\n{self.process.output}"
        reports = sanitizer_reports(self.run)
        assert not reports, reports

    def close(self):
        try:
            if self.process and self.process.popen.poll() is None:
                self.stop()
        finally:
            if self.process:
                self._sweep()
            if self.namespace_kept is not None:
                os.close(self.namespace_kept)
            for port in (self.http, self.https, self.ws):
                port.release()
            remove(self.run)

    def _sweep(self):
        """Whatever a failed stop has left must not disturb other tests."""
        self.process.kill()
        for pid in in_mount_namespace(self.namespace) if self.namespace else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # ---- talking to it -------------------------------------------------------------------

    @property
    def admin_token(self):
        return (self.run / "token").read_text().strip()

    @property
    def config(self):
        return self.run / "hostcast.conf"

    def token(self, **claims):
        return make_token(self.config, **claims)

    def rest(self, token="admin", *, tls=False):
        port = self.https.number if tls else self.http.number
        return Rest(port, self.admin_token if token == "admin" else token, tls=tls)

    def url(self, path="/", scheme="http"):
        port = self.https if scheme in ("https", "wss") else self.http
        return f"{scheme}://127.0.0.1:{port.number}{path}"

    def rpc(self, **more):
        return Rpc(self.socket, **more)

    def through_apache(self, path="/ws/events", **more):
        """A client over wss, as a browser on another machine would connect."""
        return WebSocket(self.url(path, "wss"), **more)

    def straight(self, path="/ws/events", **more):
        """A client over ws, to the hub itself."""
        return WebSocket(f"ws://127.0.0.1:{self.ws.number}{path}", **more)

    def raw(self, path="/ws/events", **more):
        return RawWebSocket(self.ws.number, path, **more)

    def detector(self):
        return self.rest().read("/api/services/detector/status")

    # ---- commands in its mount namespace ---------------------------------------------------

    def inside(self, *argv, check=True):
        """Run a command in the namespace; (pid, its output). nsenter becomes the command."""
        process = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--wd=/", *map(str, argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="surrogateescape")
        output, _ = process.communicate(timeout=DEADLINE)
        if check:
            assert process.returncode == 0, f"{argv}: {process.returncode}\n{output}"
        else:
            assert process.returncode != 0, f"{argv} was to fail"
        return process.pid, output
