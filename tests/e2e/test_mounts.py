# SPDX-License-Identifier: MIT
"""Mounts and unmounts in the kernel, as clients are told of them."""
import os
import time

import pytest

from harness.events import EPOCH, RFC3339_MS, is_for_job, progress
from harness.mounts import Mounts
from harness.processes import STALL_S, wait_for


@pytest.fixture(scope="module")
def mounts(stack):
    return Mounts(stack)


@pytest.fixture
def clients(stack):
    with stack.through_apache() as browser, stack.straight() as direct:
        yield browser, direct


@pytest.fixture
def watch(mounts, clients):
    return mounts.watch(*clients)


@pytest.fixture
def attributed(stack):
    """Only where the kernel lets us ask who mounted; the loader says why when it does not."""
    status = stack.detector()
    if "bpf" not in status["mode"]:
        pytest.skip(f"no BPF: {status['reasons']}")


def test_a_labelled_image_is_told_once_with_all_that_is_known_of_it(
        mounts, watch, loop_devices, attributed):
    image, path = mounts.image(label="HOLIDAYS"), mounts.directory()

    pid = mounts.mount("-o", "loop", image.path, path)
    told = watch.exactly()
    device = mounts.stack.inside("findmnt", "-no", "SOURCE", path)[1].strip()

    assert len(told) == 1, told
    event = told.events[0]
    assert event["type"] == "device.mounted"
    assert event["channel"] == "devices"
    assert RFC3339_MS.match(event["timestamp"])
    assert event["sequence"] > 0
    payload = event["payload"]
    assert payload["device_node"] == device and device.startswith("/dev/loop")
    assert payload["mount_path"] == str(path)
    assert payload["label"] == "HOLIDAYS"
    assert payload["fstype"] == "ext4"
    assert payload["uuid"] == image.uuid
    assert payload["actor"]["comm"] == "mount"
    assert payload["actor"]["pid"] == pid
    assert payload["actor"]["uid"] == 0
    assert not payload.get("reconciled")

    pid = mounts.umount(path)
    told = watch.exactly()

    assert len(told) == 1, told
    event = told.events[0]
    assert event["type"] == "device.unmounted"
    assert event["payload"]["device_node"] == device
    assert event["payload"]["mount_path"] == str(path)
    assert event["payload"]["actor"]["comm"] == "umount"
    assert event["payload"]["actor"]["pid"] == pid


def test_the_umount_of_what_was_told_is_never_refused_as_busy(mounts, watch, loop_devices):
    image = mounts.image()
    for _ in range(10):
        path = mounts.directory()
        mounts.mount("-o", "loop", image.path, path)
        mounts.umount(path)  # fails if looking up the label held the mount
    told = watch.exactly()
    assert sorted(told.mounted) == sorted(told.unmounted)


def test_an_image_without_label_is_told_without_one(mounts, watch, loop_devices):
    image, path = mounts.image(), mounts.directory()
    mounts.stack.inside("tune2fs", "-L", "", image.path)
    mounts.mount("-o", "loop", image.path, path)
    told = watch.exactly()
    mounts.umount(path)
    watch.exactly()
    assert told.mounted == [str(path)]
    assert not told.events[0]["payload"].get("label")
    assert told.events[0]["payload"]["uuid"] == image.uuid


@pytest.mark.parametrize("label", ["<b>&\"'\\", "ünï", "a b\tc", "x\ny", "\x1b[31m"])
def test_a_hostile_label_reaches_clients_as_valid_text(mounts, watch, loop_devices, label):
    image, path = mounts.image(label), mounts.directory()
    mounts.mount("-o", "loop", image.path, path)
    told = watch.exactly()
    mounts.umount(path)
    watch.exactly()
    assert told.mounted == [str(path)]
    shown = told.events[0]["payload"]["label"]
    assert shown and shown.encode() is not None
    if label.isprintable():
        assert shown == label


def test_a_path_with_spaces_and_bytes_that_are_not_text_is_told(mounts, watch):
    base = mounts.directory()
    strange = os.fsencode(base) + b"/a b\\\xff\n"
    os.mkdir(strange)
    mounts.mount("-t", "tmpfs", "hostcast-test", os.fsdecode(strange))
    mounts.umount(os.fsdecode(strange))
    told = watch.exactly()
    assert len(told.mounted) == len(told.unmounted) == 1, told
    assert told.mounted == told.unmounted
    assert told.mounted[0].startswith(f"{base}/a b\\")


def test_a_bind_mount_is_told_as_a_mount_of_its_own(mounts, watch):
    source, target = mounts.tmpfs(), mounts.directory()
    assert watch.exactly().mounted == [str(source)]

    mounts.mount("--bind", source, target)
    told = watch.exactly()
    assert len(told) == 1 and told.mounted == [str(target)], told

    mounts.umount(target)
    told = watch.exactly()
    assert len(told) == 1 and told.unmounted == [str(target)], told
    mounts.umount(source)
    assert watch.exactly().unmounted == [str(source)]


def test_a_lazy_umount_of_a_tree_tells_each_mount_in_it_once(mounts, watch):
    top = mounts.tmpfs()
    mounted = [top]
    for name in ("a", "b"):
        path = top / name
        mounts.stack.inside("mkdir", path)
        mounts.tmpfs(path)
        mounted.append(path)
        mounts.stack.inside("mkdir", path / "deep")
        mounts.tmpfs(path / "deep")
        mounted.append(path / "deep")
    told = watch.exactly()
    assert sorted(told.mounted) == sorted(map(str, mounted)) and len(told) == 5, told

    mounts.umount("--lazy", top)
    told = watch.exactly()
    assert sorted(told.unmounted) == sorted(map(str, mounted)), told
    assert len(told) == 5, told


def test_a_recursive_bind_tells_each_mount_that_it_makes(mounts, watch):
    top, copy = mounts.tmpfs(), mounts.directory()
    mounts.stack.inside("mkdir", top / "sub")
    mounts.tmpfs(top / "sub")
    watch.exactly()

    mounts.mount("--rbind", top, copy)
    told = watch.exactly()
    assert sorted(told.mounted) == [str(copy), f"{copy}/sub"] and len(told) == 2, told

    mounts.umount("--recursive", copy)
    mounts.umount("--recursive", top)
    told = watch.exactly()
    assert sorted(told.unmounted) == sorted(
        [str(copy), f"{copy}/sub", str(top), f"{top}/sub"]), told
    assert len(told) == 4


def test_a_move_tells_the_old_path_gone_and_the_new_one_mounted(mounts, watch):
    source, target = mounts.tmpfs(), mounts.directory()
    watch.exactly()
    mounts.mount("--move", source, target)
    told = watch.exactly()
    assert [event["type"] for event in told.events] == ["device.unmounted", "device.mounted"]
    assert told.unmounted == [str(source)] and told.mounted == [str(target)]
    mounts.umount(target)
    assert watch.exactly().unmounted == [str(target)]


def test_the_new_mount_api_is_told_like_the_old_one(mounts, watch):
    path, moved = mounts.directory(), mounts.directory()

    pid = mounts.call("new", path, "tmpfs", "hostcast-test")
    told = watch.exactly()
    assert len(told) == 1 and told.mounted == [str(path)], told
    payload = told.events[0]["payload"]
    assert payload["fstype"] == "tmpfs"
    if "bpf" in mounts.stack.detector()["mode"]:
        assert payload["actor"]["pid"] == pid
        assert payload["actor"]["comm"].startswith("python3")

    mounts.call("move", path, moved)
    told = watch.exactly()
    assert told.unmounted == [str(path)] and told.mounted == [str(moved)], told
    assert len(told) == 2

    mounts.umount(moved)
    assert watch.exactly().unmounted == [str(moved)]


def test_mounts_over_one_another_are_told_one_by_one(mounts, watch):
    path = mounts.tmpfs(source="lower")
    mounts.tmpfs(path, source="upper")
    told = watch.exactly()
    assert told.mounted == [str(path)] * 2 and len(told) == 2, told

    mounts.umount(path)
    told = watch.exactly()
    assert [event["type"] for event in told.events] == ["device.unmounted", "device.mounted"]
    assert told.unmounted == told.mounted == [str(path)]
    assert told.events[0]["payload"]["device_node"] == "upper"
    assert told.events[1]["payload"]["device_node"] == "lower"
    assert told.events[1]["payload"]["revealed"] is True

    mounts.umount(path)
    told = watch.exactly()
    assert told.unmounted == [str(path)] and len(told) == 1, told
    assert told.events[0]["payload"]["device_node"] == "lower"


def test_devices_shows_the_mount_below_when_the_upper_one_goes(mounts, watch):
    def shown(path):
        devices = mounts.stack.rest().read("/api/devices")["devices"]
        return [device for device in devices if device["mount_path"] == str(path)]

    path = mounts.tmpfs(source="lower")
    mounts.tmpfs(path, source="upper")
    watch.exactly()
    assert len(shown(path)) == 1
    mounts.umount(path)
    watch.exactly()
    assert len(shown(path)) == 1, "the lower one is still mounted"
    mounts.umount(path)
    watch.exactly()
    assert shown(path) == []


def test_what_fails_to_mount_is_not_told(mounts, watch):
    mounts.call("fail", mounts.directory())
    mounts.mount("-t", "tmpfs", "x", mounts.root / "absent", check=False)
    assert len(watch.exactly()) == 0


def test_mounts_in_another_namespace_are_not_told(mounts, watch):
    path = mounts.directory()
    mounts.stack.inside("unshare", "--mount", "--propagation", "private", "sh", "-c",
                        f"mount -t tmpfs elsewhere {path} && umount {path} && "
                        f"mount -t tmpfs elsewhere {path}")
    assert len(watch.exactly()) == 0


def test_a_mount_that_reaches_us_from_another_namespace_is_told(mounts, watch):
    shared = mounts.tmpfs()
    mounts.mount("--make-shared", shared)
    mounts.stack.inside("mkdir", shared / "sub")
    watch.exactly()
    mounts.stack.inside("unshare", "--mount", "--propagation", "unchanged",
                        "mount", "-t", "tmpfs", "elsewhere", shared / "sub")
    told = watch.exactly()
    assert told.mounted == [str(shared / "sub")] and len(told) == 1, told
    mounts.umount("--recursive", shared)
    watch.exactly()


def test_excluded_file_systems_and_paths_are_not_told(mounts, watch):
    path = mounts.directory()
    mounts.mount("-t", "proc", "proc", path)
    mounts.umount(path)
    assert len(watch.exactly()) == 0


def test_a_mount_too_brief_for_the_table_leaves_pairs_and_nothing_mounted(mounts, watch):
    path = mounts.directory()
    mounts.call("brief", path)
    told = watch.exactly()
    assert set(told.mounted) | set(told.unmounted) <= {str(path)}
    assert len(told.mounted) == len(told.unmounted), told
    kinds = [event["type"] for event in told.events]
    assert kinds == ["device.mounted", "device.unmounted"] * (len(kinds) // 2)


def test_a_hundred_mounts_at_once_are_all_told_in_order(mounts, watch):
    top = mounts.tmpfs()
    mounts.call("many", top, 100)
    told = watch.exactly()
    assert told.mounted == [str(top)] + [f"{top}/{n}" for n in range(100)]
    mounts.umount("--lazy", top)
    told = watch.exactly()
    assert sorted(told.unmounted) == sorted([str(top)] + [f"{top}/{n}" for n in range(100)])


def test_a_remount_read_only_is_neither_a_mount_nor_an_unmount(mounts, watch):
    path = mounts.tmpfs()
    watch.exactly()
    mounts.mount("-o", "remount,ro", path)
    told = watch.exactly()
    assert told.mounted == [] and told.unmounted == [], told
    mounts.umount(path)
    assert watch.exactly().unmounted == [str(path)]


def test_mounts_are_in_the_history_and_among_the_devices(mounts, watch, stack):
    path = mounts.tmpfs()
    event = watch.exactly().events[0]

    page = stack.rest().read(f"/api/events?type=device.mounted&after={event['sequence'] - 1}&limit=1")
    assert page["events"] == [event]
    devices = stack.rest().read("/api/devices")
    assert [device for device in devices["devices"] if device["mount_path"] == str(path)] == [
        event["payload"]]
    assert EPOCH.match(devices["position"].split("-")[0])

    mounts.umount(path)
    watch.exactly()
    devices = stack.rest().read("/api/devices")["devices"]
    assert str(path) not in [device["mount_path"] for device in devices]


# ---- monitoring is switched off and on ---------------------------------------------------

def mount_while_off(mounts, clients, rest):
    """What is told of a mount that is made while monitoring is switched off, once it is on."""
    browser, direct = clients
    stopped = rest.post("/api/services/detector/stop")
    assert stopped.status == 200, stopped
    assert stopped.json["monitoring_enabled"] is False
    for client in clients:
        assert client.until_type("detector.status")["payload"]["monitoring_enabled"] is False
    assert rest.read("/api/services/detector/status")["monitoring_enabled"] is False
    assert rest.read("/api/services/detector/status")["running"] is True

    path = mounts.tmpfs()
    started = rest.post("/api/services/detector/start")
    assert started.status == 200 and started.json["monitoring_enabled"] is True
    seen = browser.until(lambda event: event["type"] == "detector.status" and
                         event["payload"]["monitoring_enabled"])
    assert [event["type"] for event in seen if event["type"].startswith("device.")] == []
    told = direct.until_type("device.mounted")["payload"]
    assert told["mount_path"] == str(path)

    mounts.umount(path)
    for client in clients:
        assert client.until_type("device.unmounted")["payload"]["mount_path"] == str(path)
    return told


def test_stopping_and_starting_the_detector_is_told_and_obeyed(mounts, clients, stack):
    mounts.watch(*clients)  # the loader is there
    for client in clients:
        client.subscribe("device.*", "detector.status", "job.progress")
    # A loader that is held up looks when monitoring is on again, and has nothing to reconcile.
    assert any(mount_while_off(mounts, clients, stack.rest()).get("reconciled") is True
               for _ in range(5))


# ---- the loader dies ----------------------------------------------------------------------

def test_a_killed_loader_is_told_within_a_second_and_what_it_missed_on_its_return(own_stack):
    mounts = Mounts(own_stack)
    before, after = mounts.tmpfs(), mounts.directory()
    with own_stack.through_apache() as browser, own_stack.straight() as direct:
        for client in (browser, direct):
            client.subscribe("device.*", "detector.*")
        gone = mounts.directory()
        mounts.tmpfs(gone)
        for client in (browser, direct):
            client.until(lambda event: event["payload"].get("mount_path") == str(gone))

        killed = time.monotonic()
        old = own_stack.kill("hostcast-bpf")
        mounts.tmpfs(after)
        mounts.umount(gone)

        for client in (browser, direct):
            seen = client.until(lambda event: event["type"] == "detector.status")
            assert seen[-1]["payload"]["running"] is False
            assert client.times[-1] - killed < 1 + STALL_S
            # What was mounted before the stack came up may only be told now.
            assert [one for one in seen if not one["payload"].get("reconciled")] == seen[-1:]
        assert own_stack.detector()["running"] is False

        for client in (browser, direct):
            seen = client.until(lambda event: event["type"] == "detector.status" and
                                event["payload"]["running"])
            back = len(seen)
            while len([one for one in seen if one["type"].startswith("device.")]) < 2:
                seen.append(client.receive())
            told = [event for event in seen if event["type"].startswith("device.")]
            assert {(event["type"], event["payload"]["mount_path"]) for event in told} == {
                ("device.mounted", str(after)), ("device.unmounted", str(gone))}, told
            assert all(event["payload"]["reconciled"] is True for event in told)
            assert back
            gap, = [event for event in seen if event["type"] == "detector.gap"]
            assert (gap["payload"]["stage"], gap["payload"]["count"]) == ("reconcile", 2)
            assert seen.index(gap) < seen.index(told[0])
        assert own_stack.rest().read("/api/status")["lost"]["reconcile"] == 2
        own_stack.wait_restarted("hostcast-bpf", old)

        # Nothing of what is told already is told again.
        watch = mounts.watch(browser, direct)
        assert len(watch.exactly()) == 0
        mounts.umount(before)
        assert watch.exactly().unmounted == [str(before)]


def test_the_loader_goes_on_telling_after_the_hub_was_killed(own_stack):
    mounts = Mounts(own_stack)
    with own_stack.straight() as client:
        mounts.watch(client)  # the loader has told what was there before it
        client.subscribe("job.*")
        with own_stack.rpc() as rpc:
            event = progress()
            rpc.publish(event)
        position = client.until(is_for_job(event["payload"]["job_id"]))[-1]["sequence"]
        epoch = own_stack.rest().read("/api/status")["epoch"]

    old = own_stack.kill("hostcast-ws")
    meanwhile = [mounts.tmpfs() for _ in range(5)]
    own_stack.wait_restarted("hostcast-ws", old)
    own_stack.process.wait_line("hostcast is up|hostcast-ws.*(ready|listening)", start=0)

    with connect_again(own_stack, f"/ws/events?since={epoch}-{position}") as client:
        told = []
        while len(told) < 5:
            message = client.receive()
            if message["type"] == "device.mounted":
                told.append(message["payload"]["mount_path"])
        assert told == [str(path) for path in meanwhile]
        watch = mounts.watch(client)
        assert len(watch.exactly()) == 0, "no mount is told twice"


def connect_again(stack, path):
    """As a client does: again and again until the hub is back."""
    def attempt():
        try:
            return stack.straight(path)
        except OSError:
            return None
    return wait_for(attempt, "a connection to the restarted hub")
