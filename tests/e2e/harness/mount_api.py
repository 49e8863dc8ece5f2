# SPDX-License-Identifier: MIT
"""System calls that mount(8) of Debian 12 does not make; run inside the namespace by Mounts.call.

    new PATH FSTYPE SOURCE     fsopen, fsconfig, fsmount, move_mount
    move FROM TO               move_mount of what is mounted on FROM
    brief PATH                 mount and umount at once, as one process, 20 times
    fail PATH                  mounts that fail, one of each kind
    many PATH N                N times: tmpfs on PATH/n
    none PATH N                umount of each of these
"""
import ctypes
import errno
import os
import sys

FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429  # the same on every architecture
FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 1, 6
MOVE_MOUNT_F_EMPTY_PATH = 4
AT_FDCWD = -100

libc = ctypes.CDLL(None, use_errno=True)


def call(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def new(path, fstype, source):
    fs = call(libc.syscall(FSOPEN, fstype.encode(), 0), "fsopen")
    call(libc.syscall(FSCONFIG, fs, FSCONFIG_SET_STRING, b"source", source.encode(), 0),
         "fsconfig")
    call(libc.syscall(FSCONFIG, fs, FSCONFIG_CMD_CREATE, None, None, 0), "fsconfig create")
    mount = call(libc.syscall(FSMOUNT, fs, 0, 0), "fsmount")
    call(libc.syscall(MOVE_MOUNT, mount, b"", AT_FDCWD, path.encode(), MOVE_MOUNT_F_EMPTY_PATH),
         "move_mount")


def move(source, target):
    call(libc.syscall(MOVE_MOUNT, AT_FDCWD, source.encode(), AT_FDCWD, target.encode(), 0),
         "move_mount")


def brief(path):
    for _ in range(20):
        call(libc.mount(b"hostcast-test", path.encode(), b"tmpfs", 0, None), "mount")
        call(libc.umount2(path.encode(), 0), "umount2")


def fail(path):
    """Bad type, bad pointer, no such directory, nothing mounted, not a mount."""
    for attempt, expected in (
            (lambda: libc.mount(b"x", path.encode(), b"nosuchfs", 0, None), errno.ENODEV),
            (lambda: libc.mount(b"x", ctypes.c_void_p(1), b"tmpfs", 0, None), errno.EFAULT),
            (lambda: libc.mount(b"x", (path + "/absent").encode(), b"tmpfs", 0, None),
             errno.ENOENT),
            (lambda: libc.umount2(path.encode(), 0), errno.EINVAL),
            (lambda: libc.syscall(MOVE_MOUNT, AT_FDCWD, path.encode(), AT_FDCWD, b"/proc", 0),
             errno.EINVAL)):
        result, number = attempt(), ctypes.get_errno()
        assert result == -1 and number == expected, (result, number, expected)


def many(path, number):
    for n in range(int(number)):
        target = f"{path}/{n}"
        os.makedirs(target)
        call(libc.mount(b"hostcast-test", target.encode(), b"tmpfs", 0, None), "mount")


def none(path, number):
    for n in range(int(number)):
        call(libc.umount2(f"{path}/{n}".encode(), 0), "umount2")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
