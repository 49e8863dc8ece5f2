# SPDX-License-Identifier: MIT
"""The servers that are measured: ours, and those a user might take instead.

Each is started in a directory of its own, on loopback, on one core, with as many descriptors as it
may have. What it needs and is not there is fetched by peers.py.
"""
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / os.environ.get("B", ".build")
START_SECONDS = 20
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """A server cannot be started or measured; the text says why."""


def pin(core):
    """For a child to call: one core, and the kernel ends it should the benchmark be killed."""
    os.sched_setaffinity(0, {core})
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(address):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for parent in found:
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            found += [int(child) for child in children.read_text().split()]
    return found


class Server:
    """Started by start(), stopped by stop(). `dialect` is how load.c publishes to it."""
    name = ""
    dialect = "lines"
    path = "/"
    target = "bench"

    def __init__(self, directory, core, peers, settings=None):
        self.directory = directory / self.name.replace(" ", "-")
        self.core = core
        self.peers = peers
        self.settings = settings or {}
        self.process = None
        self.port = 0
        self.publish = str(self.directory / "publish.sock")

    def command(self):
        raise NotImplementedError

    def prepare(self):
        """Write what the command reads."""

    def is_up(self):
        return bool(self.port) and accepts(("127.0.0.1", self.port)) and (
            self.publish.isdigit() or accepts(self.publish))

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def pids(self):
        return descendants(self.process.pid)

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.directory, start_new_session=True,
                preexec_fn=lambda: pin(self.core))
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"{self.name} does not start: {self.log()[-500:]}")
            time.sleep(0.05)
            self.read_port()
        return self

    def read_port(self):
        """For servers that choose their port themselves and print it."""
        found = re.search(r"^port (\d+)$", self.log(), re.MULTILINE)
        if found:
            self.port = int(found[1])

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def arguments(self):
        """What tells load.c of this server."""
        told = ["--dialect", self.dialect, "--port", str(self.port), "--path", self.path,
                "--publish", self.publish, "--target", self.target]
        for pid in self.pids():
            told += ["--pid", str(pid)]
        return told


class Hostcast(Server):
    """The hub, with its log on and nothing that holds a benchmark back."""
    name = "hostcast"
    dialect = "hostcast"
    path = "/ws/events"
    wanted = {
        "hostcast": {"types_dir": str(ROOT / "proto/types")},
        "hub": {"listen": "127.0.0.1", "drain_seconds": "0"},
        "log": {"durability": "process"},
        "health": {"interval": "0"},
        # From one address, all at once: what protects a hub in the open is not measured here.
        "clients": {"max": "19000", "max_per_address": "19000", "max_per_user": "19000",
                    "accept_rate": "0", "message_rate": "0"},
    }

    def prepare(self):
        self.port = free_port()
        options = {section: dict(values) for section, values in self.wanted.items()}
        options["hostcast"] |= {"socket": self.publish,
                                "types_site_dir": str(self.directory / "types.d")}
        options["hub"] |= {"port": str(self.port),
                           "web_socket": str(self.directory / "ws.sock")}
        options["log"]["path"] = str(self.directory / "events.db")
        for section, values in self.settings.items():
            options.setdefault(section, {}).update(values)
        if "tls" in options:  # instead of the other listener
            options["tls"]["port"] = str(self.port)
            options["hub"]["listen"] = ""
        (self.directory / "hostcast.conf").write_text(self.text(options))

    def text(self, options):
        """Only what this hub knows: its sample configuration lists every option."""
        known, section = set(), None
        for line in (ROOT / "conf/hostcast.conf").read_text().splitlines():
            if found := re.match(r"\[(\w+)\]", line):
                section = found[1]
            elif found := re.match(r"#(\w+) =", line):
                known.add((section, found[1]))
        lines = []
        for section, values in options.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in values.items()
                      if (section, key) in known or (section, key) in self.must_have()]
        return "\n".join(lines) + "\n"

    def must_have(self):
        return {(section, key) for section, values in self.settings.items() for key in values}

    def command(self):
        return [str(BUILD / "hostcast-ws"), "-c", str(self.directory / "hostcast.conf")]


class Sendloop(Server):
    name = "send() loop"

    def command(self):
        return [str(BUILD / "bench-sendloop"), self.publish]


class Uws(Server):
    name = "uWebSockets"

    def command(self):
        return [str(self.peers.bun()), str(HERE / "peer-bun.js"), self.publish]


class NodeWs(Server):
    name = "node ws"

    def command(self):
        return [str(self.peers.node()), str(HERE / "peer-ws.js"), self.publish]


class Nats(Server):
    name = "NATS"
    dialect = "nats"

    def prepare(self):
        self.port, self.publish = free_port(), str(free_port())
        (self.directory / "nats.conf").write_text(
            f"listen: 127.0.0.1:{self.publish}\n"
            f"websocket {{ listen: \"127.0.0.1:{self.port}\", no_tls: true }}\n"
            "max_pending: 1GB\nwrite_deadline: \"60s\"\n")

    def is_up(self):
        return accepts(("127.0.0.1", self.port)) and accepts(("127.0.0.1", int(self.publish)))

    def command(self):
        return [str(self.peers.nats()), "-c", "nats.conf"]


class Nchan(Server):
    name = "nchan"
    dialect = "http"
    n_channels = 0

    def prepare(self):
        self.port = free_port()
        self.publish = str(self.port)
        (self.directory / "nginx.conf").write_text(f"""
load_module {self.peers.nchan_module()};
user root;
daemon off;
pid nginx.pid;
worker_processes 1;
worker_rlimit_nofile 19900;
error_log stderr error;
events {{ worker_connections 19000; }}
http {{
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	nchan_shared_memory_size 512M;
	server {{
		listen 127.0.0.1:{self.port} backlog=4096;
		location ~ /publish/(.+)$ {{
			nchan_publisher http;
			nchan_channel_id $1;
			nchan_message_buffer_length 100000;
			nchan_message_timeout 1m;
		}}
		location ~ /subscribe/(.+)$ {{
			nchan_subscriber websocket;
			nchan_channel_id $1;
			nchan_subscriber_first_message oldest;
		}}
	}}
}}
""")

    def command(self):
        # Whatever its configuration says, with this module nginx wants /var/lib/nginx.
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                "mount -t tmpfs nginx /var/lib && mkdir /var/lib/nginx && exec \"$@\"", "sh",
                str(self.peers.nginx()), "-p", str(self.directory), "-c", "nginx.conf",
                "-e", "stderr"]

    def arguments(self):
        """A channel a run, because a channel keeps its messages."""
        Nchan.n_channels += 1
        self.path = f"/subscribe/{Nchan.n_channels}"
        self.target = f"/publish/{Nchan.n_channels}"
        return super().arguments()


ALL = (Hostcast, Uws, Nats, Nchan, NodeWs, Sendloop)
