#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fan-out, side by side: hostcast-ws and what a user might take instead.

usage: fanout.py [--quick] [--rounds N] [--only case,case…] [--servers name,name…]

Servers and load take turns (A B C, A B C…) on a core each, and ratios are taken within a round: the
machine may be noisy, its ratios are less so. The server's CPU time is that of all its threads, as
the kernel accounts it. Prints tables and writes bench/fanout.json in the build directory.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cases import Results, all_cases  # noqa: E402
from peers import Peers  # noqa: E402
from servers import BUILD, Failure, pin  # noqa: E402

RUN_SECONDS_MAX = 180
BUSY = 1.0  # load average above which numbers are not to be trusted


def loadavg():
    return os.getloadavg()[0]


def certificate(directory):
    """A key and a certificate that nobody checks."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
    return str(cert), str(key)


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.peers = Peers()
        cores = sorted(os.sched_getaffinity(0))
        self.load_core, self.server_core = cores[0], cores[-1]
        self.failed = False

    def spawn(self, server, arguments, nice=0):
        """load.c, under way; result() waits for it."""
        def prepare():
            pin(self.load_core)
            os.nice(nice)

        command = [str(BUILD / "bench-load"), *server.arguments(), *map(str, arguments)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, preexec_fn=prepare)

    def result(self, server, run):
        """What it has measured; None, with the reason printed, if it failed."""
        try:
            output, errors = run.communicate(timeout=RUN_SECONDS_MAX)
            problem = errors.strip()
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            problem = f"not done after {RUN_SECONDS_MAX} s"
        if run.returncode:
            print(f"  {server.name} failed: {problem[-500:]}", flush=True)
            return None
        return json.loads(output)

    def load(self, server, arguments):
        """One run of load.c."""
        return self.result(server, self.spawn(server, arguments))

    def settings(self, wanted):
        """The options of the hub that a case asks for."""
        if not wanted.get("tls"):
            return wanted
        cert, key = certificate(self.directory)
        return {"tls": {"listen": "127.0.0.1", "certificate": cert, "key": key}}

    def start(self, case):
        """The servers of a case that can be started, by the name of their variant."""
        started = {}
        for name, kind, settings, _ in case.variants():
            if self.options.servers and kind.name not in self.options.servers:
                continue
            directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
            try:
                started[name] = kind(directory, self.server_core, self.peers,
                                     self.settings(settings)).start()
            except Failure as failure:
                print(f"  {name} is left out: {failure}", flush=True)
        return started

    def run(self, case):
        print(f"\n{case.name}   (load average {loadavg():.1f})", flush=True)
        results = Results()
        started = self.start(case)
        try:
            for _ in range(case.rounds or self.options.rounds):
                for name, _kind, _settings, arguments in case.variants():
                    if name in started:
                        results.add(name, case.measure(self, started[name], arguments))
        finally:
            for server in started.values():
                server.stop()
                shutil.rmtree(server.directory.parent, ignore_errors=True)
        # A peer that cannot do it is a result; ours that cannot is a fault.
        self.failed |= any(None in rounds for name, rounds in results.rounds.items()
                           if name.startswith("hostcast"))
        return results


def cell(values, scale, digits):
    return " · ".join("–" if value is None else f"{value * scale:.{digits}f}" for value in values)


def print_table(case, results):
    rows = [["", *(column[0] for column in case.columns)]]
    for name, rounds in results.rounds.items():
        rows.append([name] + [cell([one and one[field] for one in rounds], scale, digits)
                              for _, field, scale, digits in case.columns])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        print("  " + row[0].ljust(widths[0]) + "".join(
            "   " + text.rjust(width) for text, width in zip(row[1:], widths[1:])))


def print_bars(bars):
    words = {True: "reached", False: "MISSED", None: "not measured"}
    for bar in bars:
        value = "–" if bar.value is None else f"{bar.value:.2f}"
        print(f"  {words[bar.reached()]:>12}: {bar.text} {value} "
              f"({'at most' if bar.at_most else 'at least'} {bar.limit})", flush=True)


def parse():
    parser = argparse.ArgumentParser(description="Fan-out benchmark")
    parser.add_argument("--quick", action="store_true", help="small: whether everything works")
    parser.add_argument("--rounds", type=int, help="how often each server is measured")
    parser.add_argument("--only", help="cases, with commas: " + ", ".join(all_cases(True)))
    parser.add_argument("--servers", help="servers, with commas")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 2)
    options.only = options.only.split(",") if options.only else list(all_cases(True))
    options.servers = options.servers.split(",") if options.servers else []
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    (BUILD / "bench").mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="fo", dir=BUILD / "bench"))
    report = {"quick": options.quick, "rounds": options.rounds, "kernel": os.uname().release,
              "cores": os.cpu_count(), "loadavg": loadavg(), "cases": {}}
    if report["loadavg"] > BUSY:
        print(f"the machine is busy (load average {loadavg():.1f}): trust no number of this run")
    bench = Bench(options, directory)
    try:
        for key, case in all_cases(options.quick).items():
            if key not in options.only:
                continue
            results = bench.run(case)
            print_table(case, results)
            bars = case.bars(results)
            if not options.quick:
                print_bars(bars)
            report["cases"][key] = {"name": case.name, "results": results.rounds,
                                    "bars": [bar.as_dict() for bar in bars]}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    path = BUILD / "bench/fanout.json"
    path.write_text(json.dumps(report, indent="\t") + "\n")
    print(f"\nwritten: {path}")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
