#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How many events a second are taken and acknowledged: over REST through Apache, over the socket.

Every client is a process of its own, so that Python's lock is not what is measured; each sends its
next request when it has the answer to the last (or keeps so many under way).
"""
import json
import multiprocessing
import sys
import time

from measure import percentile, table, with_stack

from harness.events import progress
from harness.rpc import Rpc

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0


def post(rest, start, results):
    """One keep-alive connection."""
    connection = rest.connection()
    body = json.dumps(progress()).encode()
    start.wait()
    end = time.monotonic() + SECONDS
    took = []
    while (began := time.monotonic()) < end:
        answer = rest.post("/api/events", body, kind="application/json", connection=connection)
        assert answer.status == 201, answer
        took.append(time.monotonic() - began)
    connection.close()
    results.put(took)


def publish(path, depth, start, results):
    """`depth` requests under way on one connection to the hub."""
    with Rpc(path) as rpc:
        event = progress()
        start.wait()
        end = time.monotonic() + SECONDS
        took, under_way = [], {}
        while (now := time.monotonic()) < end or under_way:
            while now < end and len(under_way) < depth:
                under_way[rpc.request("publish", events=[event])] = now
            number = next(iter(under_way))
            rpc.result(number)
            took.append(time.monotonic() - under_way.pop(number))
    results.put(took)


def together(n, target, *arguments):
    """The latencies of n processes that start at the same moment."""
    start, results = multiprocessing.Event(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=target, args=(*arguments, start, results))
               for _ in range(n)]
    for worker in workers:
        worker.start()
    start.set()
    took = [one for _ in workers for one in results.get(timeout=10 * SECONDS + 30)]
    for worker in workers:
        worker.join()
    return took


def row(name, took):
    ms = [1000 * value for value in took]
    return [name, f"{len(took) / SECONDS:.0f}", f"{percentile(ms, 50):.2f}",
            f"{percentile(ms, 99):.2f}"]


def measure(stack):
    rest = stack.rest()
    rows = [row(f"POST /api/events, {n} connection{'s' * (n > 1)}", together(n, post, rest))
            for n in (1, 4, 16)]
    rows += [row(f"UNIX socket, {depth} under way", together(1, publish, stack.socket, depth))
             for depth in (1, 64)]
    table(f"acknowledged events a second, {SECONDS:.0f} s each, durability = disk; ms a request",
          ["", "a second", "p50", "p99"], rows)


if __name__ == "__main__":
    with_stack(measure)
