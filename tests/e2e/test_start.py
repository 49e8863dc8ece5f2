# SPDX-License-Identifier: MIT
"""Starting and stopping: what is wrong is one clear line, and nothing stays behind."""
import re
import signal
import socket
import subprocess

import pytest

from harness.events import progress
from harness.processes import (DEADLINE, Process, REPO, STOP_DEADLINE, alive, descendants, program,
                               wait_for)
from harness.stack import Stack

PROGRAMS = ["hostcast-ws", "hostcast-bpf", "hostcast-fcgi", "hostcast"]


def complaint(process, status=None):
    """The one line a program ends with; its exit status is not 0, or the given one."""
    got = process.wait()
    assert got != 0 and got > 0, f"{got}\n{process.output}"
    if status is not None:
        assert got == status, f"{got}\n{process.output}"
    lines = [line for line in process.lines if line.strip()]
    assert len(lines) == 1, process.output
    return lines[0]


# ---- the command line -------------------------------------------------------------------------

@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_tells_its_version_and_usage(name):
    for option in ("--version", "-V"):
        version = subprocess.run([program(name), option], stdout=subprocess.PIPE, check=True,
                                 text=True).stdout
        assert re.match(rf"^{name} \d+\.\d+", version), version
    usage = subprocess.run([program(name), "--help"], stdout=subprocess.PIPE, check=True,
                           text=True).stdout
    assert "usage" in usage.lower() and name in usage


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_unknown_option_is_refused(name):
    done = subprocess.run([program(name), "--no-such-option"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "no-such-option" in done.stderr and done.stdout == ""


def test_the_rest_program_started_by_hand_says_who_starts_it():
    done = subprocess.run([program("hostcast-fcgi")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "FastCGI" in done.stderr and "web server" in done.stderr


# ---- configuration ------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["hostcast-ws", "hostcast-bpf"])
@pytest.mark.parametrize("text,hint", [
    ("[hub]\nprot = 7\n", "prot"),
    ("[hub]\nport = 70000\n", "port"),
    ("[hub]\nport = -1\n", "port"),
    ("[hub]\nlisten = localhost\n", "listen"),
    ("[nonsense]\nx = y\n", "nonsense"),
    ("[clients]\nheartbeat = soon\n", "heartbeat"),
    ("[log]\n\n\ndurability = maybe\n", "durability"),
    ("[hub]\nport = 1\nport = 2\n", "port"),
    ("port = 1\n", "port"),
    ("[hub\n", ""),
    ("\x00\x01\x02", ""),
], ids=str)
def test_a_bad_configuration_is_told_with_file_and_line(new_hub, name, text, hint):
    hub = new_hub(start=False)
    hub.config.write_text(text)
    process = Process([program(name), "-c", hub.config], env=hub.environment())
    line = complaint(process, status=2)
    number = next((n for n, one in enumerate(text.splitlines(), 1)
                   if hint and re.match(rf"\[?{hint}", one)), None)
    assert str(hub.config) in line and re.search(r":\d+", line), line
    assert hint in line
    if number and text.count(hint) == 1 and hint != "nonsense":  # told where its first key is
        assert f"{hub.config}:{number}" in line, line


@pytest.mark.parametrize("name", ["hostcast-ws", "hostcast-bpf"])
def test_a_configuration_that_is_not_there_is_told(new_hub, name):
    hub = new_hub(start=False)
    process = Process([program(name), "-c", hub.run / "absent.conf"], env=hub.environment())
    line = complaint(process)
    assert "absent.conf" in line and "No such file" in line


# ---- the hub --------------------------------------------------------------------------------------

def test_a_second_hub_on_the_same_socket_refuses_and_the_first_goes_on(hub, rpc):
    with_other_ports = hub.run / "second.conf"
    text = hub.config.read_text()
    with_other_ports.write_text(text.replace(f"port = {hub.port.number}", "port = 0")
                                .replace("events.db", "other.db")
                                .replace("ws.sock", "other.sock"))
    line = complaint(hub.spawn(config=with_other_ports))
    assert str(hub.socket) in line
    assert re.search("another|already|running|in use", line), line
    assert rpc.publish(progress())["sequences"]
    with hub.rpc() as again:
        assert again.publish(progress())["sequences"], "the socket is still the first one's"
    with hub.client_at_web_socket():
        pass


def test_a_second_hub_on_the_same_log_refuses(hub, rpc):
    second = hub.run / "third.conf"
    second.write_text(hub.config.read_text().replace(f"port = {hub.port.number}", "port = 0")
                      .replace("hub.sock", "third.sock").replace("ws.sock", "third-ws.sock"))
    line = complaint(hub.spawn(config=second))
    assert "events.db" in line
    assert rpc.publish(progress())["sequences"]


def test_the_socket_of_a_killed_hub_is_taken_over(new_hub):
    hub = new_hub()
    hub.kill()
    assert hub.socket.exists() and hub.web_socket.exists()
    hub.start()
    with hub.rpc() as rpc, hub.client_at_web_socket() as client:
        rpc.publish(progress())
        client.receive()


def test_an_endpoint_of_types_that_there_are_not_is_told(new_hub):
    hub = new_hub({"endpoint /ws/typo": {"events": "jobs.* job.*"}})
    told = [line for line in hub.process.lines if "endpoint" in line]
    assert len(told) == 1 and "/ws/typo" in told[0] and "jobs.*" in told[0], hub.process.output


def test_something_else_at_the_sockets_path_is_not_removed(new_hub):
    hub = new_hub(start=False)
    hub.socket.write_text("precious")
    line = complaint(hub.spawn())
    assert str(hub.socket) in line
    assert hub.socket.read_text() == "precious"


def test_a_port_in_use_is_told(new_hub):
    hub = new_hub(start=False)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", hub.port.number))
        other.listen()
        line = complaint(hub.spawn())
    assert str(hub.port.number) in line and "in use" in line
    assert not hub.socket.exists() or not hub.process


def test_a_log_directory_that_is_not_there_is_told(new_hub):
    hub = new_hub({"log": {"path": "/nonexistent/events.db"}}, start=False)
    line = complaint(hub.spawn())
    assert "/nonexistent/events.db" in line


def test_a_file_that_is_no_log_is_set_aside_whole_and_told(new_hub):
    hub = new_hub(start=False)
    content = b"this is not a database, it is a letter to my mother" * 100
    (hub.run / "events.db").write_bytes(content)
    hub.start()
    hub.process.wait_line("events.db is damaged: .* set aside")
    aside, = hub.run.glob("events.db.damaged-*")
    assert aside.read_bytes() == content
    with hub.rpc() as rpc:
        assert rpc.publish(progress())["sequences"] == [1]


def test_a_registry_that_is_not_there_is_told(new_hub):
    hub = new_hub({"hostcast": {"types_dir": "/nonexistent/types"}}, start=False)
    assert "[hostcast] types_dir, types_site_dir: /nonexistent/types" in complaint(hub.spawn())


@pytest.mark.parametrize("text,hint", [
    ("{", ""), ("[]", ""), ('{"domain":"site","channel":"site","types":{"site.x":{}}}', "description"),
    ('{"domain":"job","channel":"jobs","description":"d","types":{"job.progress":'
     '{"description":"d","payload":{"type":"object"}}}}', "job.progress"),
    ('{"domain":"site","channel":"site","description":"d","types":{"site.x":'
     '{"description":"d","payload":{"type":"object","patternProperties":{}}}}}',
     "patternProperties"),
], ids=["cut", "array", "empty", "twice", "keyword"])
def test_a_type_file_with_a_mistake_is_told_by_name(new_hub, text, hint):
    hub = new_hub(start=False)
    (hub.run / "types.d").mkdir()
    (hub.run / "types.d" / "site.json").write_text(text)
    line = complaint(hub.spawn())
    assert "site.json" in line and hint in line


def test_a_sites_own_type_is_published_without_a_rebuild(new_hub):
    hub = new_hub(start=False)
    (hub.run / "types.d").mkdir()
    (hub.run / "types.d" / "site.json").write_text(
        '{"domain":"site","channel":"site_events","description":"ours","types":{"site.opened":'
        '{"description":"the gate is open","payload":{"type":"object","required":["gate"],'
        '"properties":{"gate":{"type":"integer"}}}}}}')
    hub.start()
    with hub.client() as client, hub.rpc() as rpc:
        rpc.publish({"type": "site.opened", "payload": {"gate": 7}})
        message = client.receive()
        assert message["channel"] == "site_events" and message["payload"] == {"gate": 7}
        assert rpc.refused("publish", events=[{"type": "site.opened", "payload": {"gate": "x"}}])


def test_a_key_that_others_can_read_or_that_is_short_is_refused(new_hub):
    hub = new_hub(start=False)
    hub.key.chmod(0o644)
    assert str(hub.key) in complaint(hub.spawn())
    hub.key.chmod(0o600)
    hub.key.write_text("short")
    assert str(hub.key) in complaint(hub.spawn())
    hub.key.unlink()
    assert str(hub.key) in complaint(hub.spawn())


def test_the_hub_stops_on_term_and_int_with_status_0_and_removes_its_sockets(new_hub):
    for number in (signal.SIGTERM, signal.SIGINT):
        hub = new_hub()
        with hub.client(), hub.rpc():
            hub.process.signal(number)
            assert hub.process.wait(STOP_DEADLINE) == 0, hub.process.output
        assert not hub.socket.exists() and not hub.web_socket.exists()


# ---- the loader -------------------------------------------------------------------------------------

def test_a_loader_without_root_runs_on_the_table_alone_and_says_why(new_hub, privileged):
    hub = new_hub()
    hub.socket.chmod(0o666)
    process = Process(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                       program("hostcast-bpf"), "-c", hub.config], env=hub.environment())
    try:
        process.wait_line("(?i)bpf.*(permi|root|capab|privilege)")
        process.wait_line("watching the mounts .*: mountinfo, ")
        assert process.popen.poll() is None
    finally:
        assert process.stop() == 0, process.output


def test_a_loader_without_a_hub_waits_for_it(new_hub, privileged):
    hub = new_hub({"mounts": {"namespace": "self"}}, start=False)
    process = Process(["unshare", "--mount", "--propagation", "private",
                       program("hostcast-bpf"), "-c", hub.config], env=hub.environment())
    try:
        process.wait_line(re.escape(str(hub.socket)))
        hub.start()
        with hub.rpc() as rpc:
            wait_for(lambda: any(event["payload"]["running"] for event in
                                 rpc.call("state", type="detector.status")["events"]),
                     "the loader's status at the hub that came later")
    finally:
        assert process.stop() == 0, process.output


# ---- all of it ----------------------------------------------------------------------------------------

@pytest.fixture
def fresh(privileged):
    stack = Stack()
    yield stack
    stack.close()


@pytest.mark.parametrize("which", ["http", "https", "ws"])
def test_a_port_in_use_stops_the_run_with_one_clear_line(fresh, which):
    port = getattr(fresh, which).number
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        process = fresh.spawn()
        assert process.wait() != 0
    wrong = [line for line in process.lines if str(port) in line]
    assert len(wrong) == 1 and "in use" in wrong[0], process.output
    assert "hostcast is up" not in process.output
    assert not descendants(process.pid)


def test_a_run_without_root_says_so_in_one_clear_line(fresh):
    environment = dict(fresh.environment)
    process = Process(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                       REPO / "conf/run"], env=environment)
    assert process.wait() != 0
    lines = [line for line in process.lines if line.strip()]
    assert len(lines) == 1 and re.search("root", lines[0]), process.output


@pytest.mark.parametrize("name", ["a b", "a,b", 'a"b', "a'b", "a\\b", "a#b", "a;b", "a$b"])
def test_a_directory_that_no_configuration_can_name_is_told_in_one_clear_line(fresh, name):
    fresh.environment["RUN"] = str(fresh.run / name)
    process = fresh.spawn()
    assert process.wait() != 0
    lines = [line for line in process.lines if line.strip()]
    assert len(lines) == 1 and f"RUN={fresh.run / name}" in lines[0], process.output
    assert not list(fresh.run.glob("a*"))


def test_a_bad_option_stops_the_run_with_the_line_it_is_in(fresh):
    fresh.extra.write_text("[clients]\nheartbeat = soon\n")
    process = fresh.spawn()
    assert process.wait() != 0
    assert re.search(r":\d+: .*heartbeat", process.output), process.output
    assert "hostcast is up" not in process.output


def test_the_run_says_where_it_is_and_how_to_publish(fresh):
    fresh.start()
    output = fresh.process.output
    assert f"hostcast is up: http://127.0.0.1:{fresh.http.number}/" in output
    assert str(fresh.run / "token") in output or fresh.admin_token in output
    assert "curl" in output and "/api/events" in output
    assert (fresh.run / "token").stat().st_mode & 0o077 == 0
    names = set(descendants(fresh.process.pid).values())
    assert {"hostcast-ws", "hostcast-bpf", "apache2"} <= names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it_within_5_s_and_leaves_nothing(fresh, number):
    fresh.start()
    with fresh.through_apache() as client, fresh.straight() as direct:
        fresh.rest().post("/api/events", progress())
        before = descendants(fresh.process.pid)
        assert len(before) >= 3
        fresh.process.signal(number)
        assert fresh.process.wait(STOP_DEADLINE) == 0, fresh.process.output
        assert [name for pid, name in before.items() if alive(pid)] == []
        assert client.wait_closed()[0] == 1001
        assert direct.wait_closed()[0] == 1001


@pytest.mark.parametrize("name", ["hostcast-ws", "hostcast-bpf", "apache2", "hostcast-fcgi"])
def test_whatever_dies_is_started_again(own_stack, name):
    rest = own_stack.rest()
    assert rest.post("/api/events", progress()).status == 201
    old = own_stack.kill(name)

    def works():
        try:
            return rest.post("/api/events", progress()).status == 201
        except OSError:
            return False
    wait_for(works, f"publishing after the end of {name}")
    if name != "hostcast-fcgi":
        own_stack.wait_restarted(name, old)

    def is_healthy():
        try:
            return rest.read("/healthz")["status"] == "ok"
        except OSError:
            return False
    wait_for(is_healthy, "good health")
