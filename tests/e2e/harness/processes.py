# SPDX-License-Identifier: MIT
"""Processes: where the programs are, starting them, what they print, what they leave behind."""
import contextlib
import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

REPO = pathlib.Path(__file__).resolve().parents[3]
BUILD = (REPO / os.environ.get("B", ".build")).resolve()
SANITIZED = "address" in str(BUILD.relative_to(REPO) if BUILD.is_relative_to(REPO) else BUILD)

# Every wait has a deadline. These are for "never": a pass does not depend on them.
DEADLINE = 30.0 if SANITIZED else 15.0
# How long a machine may stand still, and all that is on it: what is promised within a time is given
# that much more, and whoever is sent away after a time must have longer.
STALL_S = 3
STOP_DEADLINE = 20.0 if SANITIZED else 5.0 + 2 * STALL_S

SANITIZER_REPORT = re.compile(
    rb"(ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer)")


class Failure(AssertionError):
    """What was waited for did not come."""


def program(name):
    """The path of a program that was built; says what to do when it was not."""
    path = BUILD / name
    assert path.exists(), f"{path} is missing: run `make` first"
    return str(path)


def short_tempdir():
    """A directory for sockets: sun_path holds 107 characters."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
    path.chmod(0o755)
    return path


def sanitizer_environment(run):
    """Where sanitizers write, so that a report of any program, under any user, is found."""
    reports = run / "san"
    reports.mkdir(exist_ok=True)
    reports.chmod(0o1777)
    return {
        "ASAN_OPTIONS": f"log_path={reports}/asan:detect_leaks=1:abort_on_error=0",
        "UBSAN_OPTIONS": f"log_path={reports}/ubsan:print_stacktrace=1",
    }


def sanitizer_reports(run):
    """The text of every report under a run directory; programs' own logs are searched as well."""
    found = []
    for path in run.rglob("*"):
        if not path.is_file() or path.stat().st_size > 64 << 20:
            continue
        content = path.read_bytes() if path.suffix not in (".db", ".img") else b""
        if SANITIZER_REPORT.search(content):
            found.append(f"{path}:\n{content[-8000:].decode(errors='replace')}")
    return "\n".join(found)


class Process:
    """A program whose output is read line by line as it comes."""

    def __init__(self, argv, *, env=None, cwd=REPO, stdin=subprocess.DEVNULL, **more):
        self.argv = [str(arg) for arg in argv]
        self._lines = []
        self._part = b""  # of a line
        self._news = threading.Condition()
        self._ended = False
        self.popen = subprocess.Popen(
            self.argv, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, **more)
        os.set_blocking(self.popen.stdout.fileno(), False)
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self):
        return self.popen.pid

    @property
    def lines(self):
        """All that it has written up to now."""
        with self._news:
            self._take()
            return self._lines

    @property
    def output(self):
        with self._news:
            return "\n".join(self.lines)

    def _take(self):
        """What is in the pipe."""
        data = b"\n"
        while data and not self._ended:
            try:
                data = os.read(self.popen.stdout.fileno(), 1 << 16)
            except BlockingIOError:
                break
            *whole, self._part = (self._part + data).split(b"\n")
            if not data:
                self._ended = True
                whole, self._part = [self._part] if self._part else [], b""
            self._lines += [line.decode(errors="replace") for line in whole]
        self._news.notify_all()

    def _read(self):
        poll = select.poll()
        poll.register(self.popen.stdout, select.POLLIN)
        while not self._ended:
            poll.poll()
            with self._news:
                self._take()

    def write_line(self, text):
        """To its standard input, which must be a pipe."""
        self.popen.stdin.write(text.encode() + b"\n")
        self.popen.stdin.flush()

    def wait_line(self, pattern, timeout=DEADLINE, start=0):
        """The match of the first line, from line number `start` on, that has the pattern."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                lines = list(self.lines)
                for line in lines[start:]:
                    match = expression.search(line)
                    if match:
                        return match
                start = max(start, len(lines))
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the program ended" if self._ended else f"{timeout:.0f} s are over"
                    raise Failure(f"no line {pattern!r}: {why}\n{self.argv}\n" +
                                  "\n".join(self.lines[-60:]))
                self._news.wait(left)

    def wait(self, timeout=DEADLINE):
        """The exit status; all output has been read then."""
        try:
            status = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.argv} did not end in {timeout} s\n{self.output}") from None
        with self._news:
            self._news.wait_for(lambda: self._ended, 2)
        return status

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=STOP_DEADLINE):
        """TERM, then the exit status; whoever does not obey is killed, and that is a failure."""
        if self.popen.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except Failure:
            self.kill()
            raise

    def kill(self):
        if self.popen.poll() is None:
            self.signal(signal.SIGKILL)
        return self.popen.wait()


@contextlib.contextmanager
def handing_over(sockets):
    """As a service manager does, sd_listen_fds(3): the command to put before a program, and the
    descriptors that Popen must let it have."""
    if not sockets:
        yield [], ()
        return
    kept = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 500) for one in sockets]
    moves = " ".join(f"{number}<&{fd} {fd}<&-" for number, fd in enumerate(kept, 3))
    script = f'exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(kept)} exec "$@"'
    try:
        yield ["bash", "-c", script, "bash"], kept
    finally:
        for fd in kept:
            os.close(fd)


class Readiness:
    """The socket that sd_notify(3) writes to: tells when a program is ready, without polling."""

    def __init__(self, directory):
        self.path = directory / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path.unlink(missing_ok=True)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)

    def wait(self, process, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.socket.settimeout(0.2)
            try:
                if b"READY=1" in self.socket.recv(4096).split(b"\n"):
                    return
            except socket.timeout:
                if process.popen.poll() is not None:
                    process.wait()
                    raise Failure(f"{process.argv} ended with {process.popen.returncode} "
                                  f"before it was ready\n{process.output}") from None
        raise Failure(f"{process.argv} was not ready in {timeout} s\n{process.output}")

    def close(self):
        self.socket.close()
        self.path.unlink(missing_ok=True)


def wait_for(condition, what, timeout=DEADLINE):
    """Poll for what the kernel does not tell: a process in /proc, a listening port."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not in {timeout} s")
        pause.wait(0.01)


def _stat(pid):
    """(comm, parent, start time, state) of a process, or None once it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    comm = text[text.index("(") + 1:text.rindex(")")]
    rest = text[text.rindex(")") + 2:].split()
    return comm, int(rest[1]), int(rest[19]), rest[0]


def is_asleep(pid):
    """Whether it waits for something to happen, and nothing has that it has not seen yet."""
    stat = _stat(pid)
    return stat is not None and stat[3] == "S"


def processes():
    """pid -> (comm, parent, start time) of all that live."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(name)
            if stat and stat[3] not in "ZX":
                found[int(name)] = stat
    return found


def descendants(root):
    """pid -> comm of every process below `root`, parents before their children."""
    everyone = processes()
    below, frontier = {}, {root}
    while frontier:
        frontier = {pid for pid, stat in everyone.items() if stat[1] in frontier} - below.keys()
        below.update({pid: everyone[pid][0] for pid in sorted(frontier)})
    return below


def mount_namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return None


def in_mount_namespace(namespace):
    """pid -> comm of every process in a mount namespace."""
    return {pid: stat[0] for pid, stat in processes().items()
            if mount_namespace(pid) == namespace}


def alive(pid):
    stat = _stat(pid)
    return bool(stat) and stat[3] not in "ZX"


def remove(directory):
    shutil.rmtree(directory, ignore_errors=True)
