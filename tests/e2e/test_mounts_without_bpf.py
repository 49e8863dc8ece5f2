# SPDX-License-Identifier: MIT
"""The mount table alone: the same events, without who did it."""
import pytest

from harness.mounts import Mounts

STACK = {"mounts": {"bpf": "off"}}


@pytest.fixture(scope="module")
def mounts(stack):
    return Mounts(stack)


@pytest.fixture
def watch(mounts, stack):
    with stack.through_apache() as browser, stack.straight() as direct:
        yield mounts.watch(browser, direct)


def test_the_detector_says_how_it_watches_and_why(stack):
    status = stack.detector()
    assert status["running"] is True and status["monitoring_enabled"] is True
    assert status["mode"] == "mountinfo"
    assert any("bpf" in reason.lower() for reason in status["reasons"]), status


def test_a_labelled_image_is_told_once_but_not_who_mounted_it(mounts, watch, loop_devices):
    image, path = mounts.image(label="QUIET"), mounts.directory()
    mounts.mount("-o", "loop", image.path, path)
    told = watch.exactly()
    assert len(told) == 1 and told.mounted == [str(path)], told
    payload = told.events[0]["payload"]
    assert payload["label"] == "QUIET"
    assert payload["uuid"] == image.uuid
    assert payload["fstype"] == "ext4"
    assert payload["device_node"].startswith("/dev/loop")
    assert "actor" not in payload

    mounts.umount(path)
    told = watch.exactly()
    assert len(told) == 1 and told.unmounted == [str(path)], told


def test_a_lazy_umount_of_a_tree_tells_each_mount_in_it_once(mounts, watch):
    top = mounts.tmpfs()
    mounts.call("many", top, 4)
    told = watch.exactly()
    assert told.mounted == [str(top)] + [f"{top}/{n}" for n in range(4)]
    mounts.umount("--lazy", top)
    told = watch.exactly()
    assert sorted(told.unmounted) == sorted([str(top)] + [f"{top}/{n}" for n in range(4)])
    assert len(told) == 5


def test_a_move_tells_the_old_path_gone_and_the_new_one_mounted(mounts, watch):
    source, target = mounts.tmpfs(), mounts.directory()
    watch.exactly()
    mounts.mount("--move", source, target)
    told = watch.exactly()
    assert told.unmounted == [str(source)] and told.mounted == [str(target)], told
    mounts.umount(target)
    assert watch.exactly().unmounted == [str(target)]


def test_the_new_mount_api_is_told_like_the_old_one(mounts, watch):
    path = mounts.directory()
    mounts.call("new", path, "tmpfs", "hostcast-test")
    told = watch.exactly()
    assert len(told) == 1 and told.mounted == [str(path)], told
    mounts.umount(path)
    assert watch.exactly().unmounted == [str(path)]


def test_a_device_swapped_between_two_looks_is_told(mounts, watch):
    """The same source on the same path: only the unique mount id tells that it is another."""
    path = mounts.tmpfs()
    watch.exactly()
    mounts.stack.inside("sh", "-c", f"umount {path} && mount -t tmpfs hostcast-test {path}")
    told = watch.exactly()
    assert [event["type"] for event in told.events] == ["device.unmounted", "device.mounted"]
    mounts.umount(path)
    watch.exactly()
