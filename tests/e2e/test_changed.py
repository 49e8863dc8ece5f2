# SPDX-License-Identifier: MIT
"""What of a device has changed, found out by the hub where the publisher does not say."""
from harness.events import unique


def status(busy=False, angle=0.0, **more):
    """A device.status event as seed 001 shows it."""
    return {"type": "device.status",
            "payload": {"device": {"name": "OpenScan Mini", "initialized": True,
                                   "motors": {"turntable": {"busy": busy, "angle": angle,
                                                            "settings": {"acceleration": 20000}}},
                                   "lights": {"ring": {"is_on": False}}}, **more}}


def test_paths_are_added_in_the_order_of_the_log(new_hub):
    hub = new_hub()
    with hub.client("/ws/device") as device, hub.rpc() as rpc, hub.rpc() as other:
        rpc.publish(status())
        assert "changed" not in device.receive()
        # Several in one batch, and batches under way at the same time.
        requests = [(peer, peer.request("publish", events=[status(True, 10.0 * n),
                                                           status(False, 10.0 * n)]))
                    for n in range(1, 51) for peer in (rpc, other)]
        for peer, number in requests:
            peer.result(number)
        before = status()["payload"]["device"]["motors"]["turntable"]
        for _ in range(2 * len(requests)):
            message = device.receive()
            now = message["device"]["motors"]["turntable"]
            assert message["changed"] == [f"motors.turntable.{key}" for key in ("busy", "angle")
                                          if now[key] != before[key]]
            before = now


def test_a_restarted_hub_compares_with_what_it_retained(new_hub):
    hub = new_hub()
    with hub.rpc() as rpc:
        rpc.publish(status(angle=45.0))
    hub.stop()
    hub.start()
    with hub.client("/ws/device") as device, hub.rpc() as rpc:
        assert "changed" not in device.receive()  # the snapshot
        rpc.publish(status(True, 45.0))
        assert device.receive()["changed"] == ["motors.turntable.busy"]
        rpc.publish(status(True, 45.0, changed=["motors"]))
        assert device.receive()["changed"] == ["motors"]


def test_a_batch_that_is_refused_or_repeated_changes_nothing(new_hub):
    hub = new_hub()
    with hub.client("/ws/device") as device, hub.rpc() as rpc:
        key = unique("key")
        rpc.publish(status(), key=key)
        device.receive()
        rpc.refused("publish", events=[status(True, 9.0), {"type": "no.such", "payload": {}}])
        rpc.publish(status(), key=key)
        rpc.publish(status(angle=9.0))
        assert device.receive()["changed"] == ["motors.turntable.angle"]
