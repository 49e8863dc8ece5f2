# SPDX-License-Identifier: MIT
"""What is measured, and what must be reached."""
import statistics

from servers import Hostcast, Nats, Nchan, NodeWs, Sendloop, Uws

SLOW = (Nchan, NodeWs, Sendloop)  # tenths of a million deliveries a second, not millions
HUB, UWS, NATS, LOOP = Hostcast.name, Uws.name, Nats.name, Sendloop.name


class Bar:
    """One thing to be reached: a number on the better side of a limit."""

    def __init__(self, text, value, limit, at_most=True):
        self.text, self.value, self.limit, self.at_most = text, value, limit, at_most

    def reached(self):
        if self.value is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def as_dict(self):
        return {"text": self.text, "value": self.value, "limit": self.limit,
                "at_most": self.at_most, "reached": self.reached()}


class Results:
    """What each server did in each round: lists of load.c's results, None where it failed."""

    def __init__(self):
        self.rounds = {}

    def add(self, name, result):
        self.rounds.setdefault(name, []).append(result)

    def values(self, name, field):
        return [result[field] for result in self.rounds.get(name, []) if result]

    def best(self, name, field, of=min):
        values = self.values(name, field)
        return of(values) if values else None

    def median(self, name, field):
        values = self.values(name, field)
        return statistics.median(values) if values else None

    def ratio(self, field, name, other):
        """The median of the ratios within a round: what disturbs one disturbs the next."""
        pairs = zip(self.rounds.get(name, []), self.rounds.get(other, []))
        ratios = [a[field] / b[field] for a, b in pairs if a and b and b[field]]
        return statistics.median(ratios) if ratios else None


class Case:
    """`variants` are (name, server class, settings, arguments for load.c)."""
    name = ""
    columns = ()
    rounds = None  # else as many as asked for

    def __init__(self, quick):
        self.quick = quick

    def small(self, value, quick):
        return quick if self.quick else value

    def variants(self):
        raise NotImplementedError

    def measure(self, bench, server, arguments):
        """One result; None, with the reason printed, if it fails."""
        return bench.load(server, arguments)

    def bars(self, results):
        raise NotImplementedError


RATE = ("M deliveries/s", "deliveries_per_second", 1e-6, 2)
CPU = ("CPU µs each", "cpu_us", 1, 3)
LOAD_CPU = ("(load's own)", "load_cpu_us", 1, 3)
P50 = ("p50 ms", "p50_ms", 1, 2)
P99 = ("p99 ms", "p99_ms", 1, 2)
SECONDS = ("took s", "seconds", 1, 2)
BYTES = ("bytes", "text_bytes", 1, 0)


class Burst(Case):
    columns = (RATE, CPU, LOAD_CPU, BYTES)

    def __init__(self, quick, clients, rate_ratio):
        super().__init__(quick)
        self.name = f"burst: {clients} clients, all events at once"
        self.clients, self.rate_ratio = self.small(clients, 20), rate_ratio

    def variants(self):
        for server in (Hostcast, Uws, Nats, Nchan, NodeWs, Sendloop):
            deliveries = 500_000 if server in SLOW else 8_000_000
            events = self.small(min(deliveries // self.clients, 50_000), 300)
            yield server.name, server, {}, ["--mode", "burst", "--clients", self.clients,
                                            "--events", events]

    def bars(self, results):
        rate = "deliveries_per_second"
        return [Bar(f"deliveries/s ÷ {UWS}'", results.ratio(rate, HUB, UWS), self.rate_ratio,
                    False),
                Bar(f"deliveries/s ÷ {NATS}'", results.ratio(rate, HUB, NATS), 2, False),
                Bar(f"CPU a delivery ÷ {UWS}'", results.ratio("cpu_us", HUB, UWS), 1)]


class Paced(Case):
    kind = "paced"
    columns = (RATE, CPU, LOAD_CPU, P50, P99)

    def __init__(self, quick, clients, rate, seconds, servers):
        super().__init__(quick)
        self.name = f"{self.kind}: {clients} clients × {rate} events/s for {seconds} s"
        self.clients, self.rate, self.servers = self.small(clients, 20), rate, servers
        self.seconds = self.small(seconds, 0.5)

    def variants(self):
        for server in self.servers:
            yield server.name, server, {}, [
                "--mode", "paced", "--clients", self.clients, "--rate", self.rate,
                "--events", max(1, int(self.rate * self.seconds))]

    def bars(self, results):
        return [Bar(f"CPU a delivery ÷ {LOOP}'s", results.ratio("cpu_us", HUB, LOOP), 1.3)]


class PacedLatency(Paced):
    def bars(self, results):
        hub = results.median(HUB, "p99_ms")
        peers = [results.median(server.name, "p99_ms") for server in self.servers
                 if server not in (Hostcast, Sendloop)]
        peers = [p99 for p99 in peers if p99]
        return super().bars(results) + [
            Bar("p99 ÷ the best peer's", hub / min(peers) if hub and peers else None, 1)]


class Sustained(Paced):
    kind = "sustained"
    columns = (SECONDS, RATE, CPU, LOAD_CPU, P50, P99)

    def bars(self, results):
        took = results.best(HUB, "seconds", max)
        return [Bar("time it took ÷ time it should take", took and took / self.seconds, 1.02),
                Bar(f"CPU a delivery ÷ {UWS}'", results.ratio("cpu_us", HUB, UWS), 1),
                Bar(f"p99 ÷ {UWS}'", results.ratio("p99_ms", HUB, UWS), 1)]


class Filters(Case):
    columns = (RATE, CPU, LOAD_CPU, P50, P99)
    one, own = "hostcast, one filter", "hostcast, own filters"

    def __init__(self, quick, paced):
        super().__init__(quick)
        self.paced, self.clients = paced, self.small(1000, 20)
        self.name = ("filters: 1000 clients, half of 10 types each, " +
                     ("100 events/s for 5 s" if paced else "all at once"))

    def variants(self):
        load = (["--mode", "paced", "--rate", 100, "--events", self.small(500, 50)] if self.paced
                else ["--mode", "burst", "--events", self.small(10_000, 300)])
        for name, which in ((self.one, "common"), (self.own, "own")):
            yield name, Hostcast, {}, load + ["--clients", self.clients, "--filter", which]

    def bars(self, results):
        return [Bar("CPU a delivery, own ÷ one", results.ratio("cpu_us", self.own, self.one), 2)]


class Idle(Case):
    columns = (("KiB RSS each", "rss_kib_each", 1, 2), ("KiB PSS each", "pss_kib_each", 1, 2),
               ("MiB RSS in all", "rss_kib", 1 / 1024, 1))
    name = "memory: 2000 idle clients more"
    rounds = 1

    def variants(self):
        for server in (Hostcast, Uws, Nats, Nchan, NodeWs):
            yield server.name, server, {}, ["--mode", "idle", "--clients", self.small(2000, 100)]

    def bars(self, results):
        return [Bar("KiB a client", results.median(HUB, "rss_kib_each"), 2.5)]


class IdleTls(Case):
    columns = Idle.columns
    name = "memory: 1000 idle clients more, TLS in the hub"
    rounds = 1
    tls = "hostcast, TLS"

    def variants(self):
        yield self.tls, Hostcast, {"tls": True}, [
            "--mode", "idle", "--clients", self.small(1000, 100), "--tls"]

    def bars(self, results):
        return [Bar("KiB a client", results.median(self.tls, "rss_kib_each"), 22)]


class Stalled(Case):
    columns = (("p50 alone", "p50_alone_ms", 1, 2), ("p99 alone", "p99_alone_ms", 1, 2), P50, P99,
               ("KiB RSS each", "rss_kib_each", 1, 2), ("KiB TCP each", "tcp_kib_each", 1, 1),
               ("closed after s", "closed_seconds", 1, 1))
    name = "stalled: 1000 of 2000 clients read nothing, 100 events/s"

    def variants(self):
        settings = {"clients": {"stall_timeout": "1s"}} if self.quick else {}
        yield HUB, Hostcast, settings, ["--mode", "stalled", "--clients", self.small(1000, 20),
                                        "--rate", 100, "--seconds", self.small(5, 0.5)]

    def bars(self, results):
        p99s = [b / a for a, b in zip(results.values(HUB, "p99_alone_ms"),
                                      results.values(HUB, "p99_ms"))]
        closed = results.values(HUB, "closed_seconds")
        return [Bar("the healthy ones' p99 ÷ without them", min(p99s) if p99s else None, 2),
                Bar("KiB of the hub a stalled client", results.best(HUB, "rss_kib_each", max), 64),
                Bar("last one closed after s", float("inf") if -1 in closed else
                    max(closed) if closed else None, 12)]


class Acknowledged(Case):
    columns = (("acknowledged/s", "acknowledged_per_second", 1, 0), CPU, P50, P99,
               ("max ms", "max_ms", 1, 2))
    disk, process, paced = "hostcast, disk", "hostcast, process", "hostcast, disk, 1000/s"

    def __init__(self, quick):
        super().__init__(quick)
        self.name = "acknowledged: 64 publishers, one event under way each"

    def variants(self):
        for name, durability, rate in ((self.disk, "disk", 0), (self.process, "process", 0),
                                       (self.paced, "disk", 1000)):
            yield name, Hostcast, {"log": {"durability": durability}}, [
                "--mode", "acknowledged", "--clients", 64, "--rate", rate,
                "--seconds", self.small(5, 0.5)]

    def bars(self, results):
        rate = "acknowledged_per_second"
        return [Bar("acknowledged events/s, disk", results.best(self.disk, rate, max), 20_000,
                    False),
                Bar("disk ÷ process", results.ratio(rate, self.disk, self.process), 0.5, False),
                Bar("p99 ms at 1,000/s, disk", results.best(self.paced, "p99_ms"), 5)]


class CatchUp(Case):
    """Two loads at once: who lives with it, and those who come back."""
    columns = (("p99 alone", "p99_alone_ms", 1, 2), P99, ("p50", "p50_ms", 1, 2),
               ("took s", "seconds", 1, 2), ("M replayed/s", "deliveries_per_second", 1e-6, 2),
               ("hub + MiB", "rss_kib", 1 / 1024, 1))
    ring, log = "hostcast, from the ring", "hostcast, from the log"
    live_s = 6

    def __init__(self, quick):
        super().__init__(quick)
        self.clients, self.behind = self.small(1000, 20), self.small(10_000, 1000)
        self.name = (f"catching up: {self.clients} clients come back {self.behind} events behind, "
                     "100 live ones at 100 events/s")

    def variants(self):
        for name, ring in ((self.ring, "64M"), (self.log, "1M")):
            yield name, Hostcast, {"hub": {"ring_bytes": ring}}, [
                "--clients", self.clients, "--events", self.behind]

    def measure(self, bench, server, arguments):
        live = ["--mode", "paced", "--clients", 100, "--rate", 100,
                "--events", int(100 * self.small(self.live_s, 1))]
        # On the core that both share, those who come back must not delay the measurement.
        back = bench.spawn(server, ["--mode", "return", *arguments], nice=19)
        if not back.stdout.readline():
            return bench.result(server, back)
        alone = bench.load(server, live)
        with_them = bench.spawn(server, live)
        back.stdin.write("\n")
        back.stdin.flush()
        returned, lived = bench.result(server, back), bench.result(server, with_them)
        if not (alone and returned and lived):
            return None
        return {**returned, "p99_alone_ms": alone["p99_ms"], "p99_ms": lived["p99_ms"],
                "p50_ms": lived["p50_ms"]}

    def bars(self, results):
        bars = []
        for name in (self.ring, self.log):
            ratios = [b / a for a, b in zip(results.values(name, "p99_alone_ms"),
                                            results.values(name, "p99_ms"))]
            rss = results.best(name, "rss_kib", max)
            bars += [Bar(f"live clients' p99 ÷ alone, {name.split(', ')[1]}",
                         min(ratios) if ratios else None, 2),
                     Bar(f"MiB of the hub, {name.split(', ')[1]}", rss and rss / 1024, 64)]
        return bars


def all_cases(quick):
    everyone = (Hostcast, Uws, Nats, Nchan, NodeWs, Sendloop)
    return {
        "burst-1000": Burst(quick, 1000, 1.5),
        "burst-100": Burst(quick, 100, 1.0),
        "sustained": Sustained(quick, 1000, 2000, 5, (Hostcast, Uws, Nats)),
        "paced": PacedLatency(quick, 1000, 100, 5, everyone),
        "many": Paced(quick, 9000, 10, 5, everyone),
        "idle": Idle(quick),
        "idle-tls": IdleTls(quick),
        "filters": Filters(quick, False),
        "filters-paced": Filters(quick, True),
        "stalled": Stalled(quick),
        "acknowledged": Acknowledged(quick),
        "catching-up": CatchUp(quick),
    }
