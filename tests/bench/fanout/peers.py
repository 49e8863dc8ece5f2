# SPDX-License-Identifier: MIT
"""Fetch the programs to be measured beside ours, into the build directory.

Debian packages are downloaded and unpacked, not installed: an installed nginx or NATS would be
started as a service of this machine. npm packages come from package-lock.json.
"""
import pathlib
import shutil
import subprocess

from servers import BUILD, HERE, Failure

PACKAGES = ("nats-server", "nginx", "libnginx-mod-nchan")


class Peers:
    def __init__(self):
        self.root = BUILD / "bench/peers"

    def debian(self, package, inside):
        """A file of a Debian package."""
        unpacked = self.root / package
        if not unpacked.is_dir():
            self.unpack(package, unpacked)
        found = unpacked / inside
        if not found.exists():
            raise Failure(f"the package {package} has no {inside}")
        return found

    def unpack(self, package, to):
        download = self.root / "download"
        shutil.rmtree(download, ignore_errors=True)
        download.mkdir(parents=True)
        got = subprocess.run(["apt-get", "-q", "download", package], cwd=download,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        archives = list(download.glob("*.deb"))
        if got.returncode or len(archives) != 1:
            raise Failure(f"{package} cannot be downloaded: {got.stdout[-300:]}")
        partial = pathlib.Path(f"{to}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", archives[0], partial], check=True)
        partial.rename(to)

    def npm(self, inside):
        found = HERE / "node_modules" / inside
        if not found.exists():
            got = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
                                 cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True)
            if got.returncode or not found.exists():
                raise Failure(f"npm ci: {got.stdout[-300:]}")
        return found

    def nats(self):
        return self.debian("nats-server", "usr/sbin/nats-server")

    def nginx(self):
        return self.debian("nginx", "usr/sbin/nginx")

    def nchan_module(self):
        return self.debian("libnginx-mod-nchan", "usr/lib/nginx/modules/ngx_nchan_module.so")

    def bun(self):
        return self.npm(".bin/bun")

    def node(self):
        self.npm("ws")
        node = shutil.which("node")
        if not node:
            raise Failure("there is no node")
        return node
