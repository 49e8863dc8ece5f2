# SPDX-License-Identifier: MIT
"""The hub alone: for what needs neither Apache nor a kernel."""
import configparser
import os
import secrets
import signal
import subprocess
import threading

from harness import ports
from harness.events import unique
from harness.processes import (Failure, Process, REPO, Readiness, handing_over, program, remove,
                               sanitizer_environment, sanitizer_reports, short_tempdir)
from harness.rpc import Closed, Rpc
from harness.websocket import RawWebSocket, WebSocket


def write_config(path, base, extra=None):
    """An INI file of sections; `extra` overrides."""
    sections = {name: dict(keys) for name, keys in base.items()}
    for name, keys in (extra or {}).items():
        sections.setdefault(name, {}).update(keys)
    config = configparser.RawConfigParser()
    config.optionxform = str
    config.read_dict(sections)
    with open(path, "w") as file:
        config.write(file, space_around_delimiters=True)


class Loader(threading.Thread):
    """Is there, as hostcast-bpf would be: of a hub without one, clients are told after 3 s, in the
    middle of whatever test has taken that long. It answers the hub, but with nothing that would be
    told either."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._rpc = Rpc(path, role="loader")

    def run(self):
        try:
            while True:
                kind, number, *_ = self._rpc.next_message(timeout=3600)
                if kind == 0:
                    self._rpc.send_message([1, number, {"code": "unavailable",
                                                        "message": "it only stands in"}, None])
        except (Closed, Failure, OSError):
            self._rpc.close()


class Hub:
    """hostcast-ws with a configuration of its own in a directory of its own."""

    def __init__(self, extra=None):
        self.run = short_tempdir()
        self.port = ports.take()
        self.socket = self.run / "hub.sock"
        self.web_socket = self.run / "ws.sock"
        self.config = self.run / "hostcast.conf"
        self.key = self.run / "key"
        self.key.write_text(secrets.token_hex(32))
        self.key.chmod(0o600)
        self.process = None
        self.tls_port = None
        self.configure(extra)

    def configure(self, extra=None):
        write_config(self.config, {
            "hostcast": {"socket": self.socket, "types_dir": REPO / "proto/types",
                         "types_site_dir": self.run / "types.d"},
            "hub": {"port": self.port.number, "web_socket": self.web_socket, "drain_seconds": "0"},
            "log": {"path": self.run / "events.db"},
            "auth": {"key_file": self.key, "revocations_file": self.run / "revocations.json"},
            "mounts": {"state": self.run / "mounts"},
            "health": {"interval": "0"},  # no events but those that a test wants
        }, extra)

    def make_certificate(self, name="localhost", key="ec"):
        """Into tls.crt and tls.key; the name is what tells one from another."""
        how = ["-pkeyopt", "ec_paramgen_curve:prime256v1"] if key == "ec" else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", key, *how, "-nodes", "-days", "30",
                        "-subj", f"/CN={name}", "-keyout", str(self.run / "tls.key"),
                        "-out", str(self.run / "tls.crt")], check=True, capture_output=True)
        (self.run / "tls.key").chmod(0o600)

    def expire_certificate(self):
        """It ended yesterday."""
        subprocess.run(["openssl", "x509", "-in", str(self.run / "tls.crt"), "-days", "-1",
                        "-signkey", str(self.run / "tls.key"), "-out", str(self.run / "tls.crt")],
                       check=True, capture_output=True)

    def tls_options(self):
        self.tls_port = self.tls_port or ports.take()
        return {"listen": "127.0.0.1", "port": self.tls_port.number,
                "certificate": self.run / "tls.crt", "key": self.run / "tls.key"}

    def environment(self, **more):
        return {**os.environ, **sanitizer_environment(self.run), **more}

    def spawn(self, *arguments, config=None, prefix=(), sockets=(), **environment):
        """The program, not waited for: for starts that fail."""
        with handing_over(sockets) as (hand_over, fds):
            return Process([*hand_over, *prefix, program("hostcast-ws"), "-c",
                            config or self.config, *arguments],
                           env=self.environment(**environment), pass_fds=fds)

    def start(self, prefix=(), sockets=(), *, loader=True):
        """`prefix` is a command that executes what follows it, such as prlimit; `sockets` are
        listening ones that it is to take over; `loader` is whether one stands in for the real
        one."""
        readiness = Readiness(self.run)
        try:
            self.process = self.spawn(prefix=prefix, sockets=sockets,
                                      NOTIFY_SOCKET=str(readiness.path))
            readiness.wait(self.process)
        finally:
            readiness.close()
        if loader:
            Loader(self.socket).start()
        return self

    def kill(self):
        """As the kernel's OOM killer would."""
        self.process.signal(signal.SIGKILL)
        self.process.popen.wait()

    def stop(self):
        """TERM; the hub must end in time, with status 0."""
        status = self.process.stop()
        assert status == 0, f"the hub ended with {status}\n{self.process.output}"

    def close(self):
        """Stop, and look at what is left behind."""
        try:
            if self.process and self.process.popen.poll() is None:
                self.stop()
            reports = sanitizer_reports(self.run)
            output = self.process.output if self.process else ""
            assert not reports, reports
            assert "Sanitizer" not in output and "runtime error:" not in output, output
        finally:
            if self.process:
                self.process.kill()
            self.port.release()
            if self.tls_port:
                self.tls_port.release()
            remove(self.run)

    # ---- talking to it -------------------------------------------------------------------

    def rpc(self, **more):
        return Rpc(self.socket, **more)

    def url(self, path="/ws/events"):
        return f"ws://127.0.0.1:{self.port.number}{path}"

    def client(self, path="/ws/events", **more):
        return WebSocket(self.url(path), **more)

    def tls_client(self, path="/ws/events", **more):
        """[tls] is set up by make_certificate() and tls_options()."""
        return WebSocket(f"wss://127.0.0.1:{self.tls_port.number}{path}", **more)

    def client_at_web_socket(self, path="/ws/events", **more):
        """A client on the UNIX socket that Apache proxies to."""
        return WebSocket(f"ws://localhost{path}", unix=self.web_socket, **more)

    def raw(self, path="/ws/events", **more):
        return RawWebSocket(self.port.number, path, **more)

    def token(self, **claims):
        return make_token(self.config, **claims)


def make_token(config, *, publish=(), subscribe=(), admin=False, expires=None, subject=None):
    """A token of the hostcast command, with nothing but these grants."""
    argv = [program("hostcast"), "-c", str(config), "token", "--sub", subject or unique("user")]
    for pattern in publish:
        argv += ["--publish", pattern]
    for pattern in subscribe:
        argv += ["--subscribe", pattern]
    if admin:
        argv.append("--admin")
    if expires:
        argv += ["--expires", expires]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
