# SPDX-License-Identifier: MIT
"""The text format of Prometheus, read as strictly as `promtool check metrics` does."""
import re

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def _labels(text):
    found, at = {}, 0
    while at < len(text or ""):
        match = _LABEL.match(text, at)
        assert match, f"labels {text!r}"
        assert match[1] not in found, f"label {match[1]} twice in {text!r}"
        found[match[1]] = match[2]
        at = match.end()
    return found


def _check_histogram(name, samples):
    buckets = [(float(labels["le"]), value) for (sample, labels, value) in samples
               if sample == name + "_bucket"]
    assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), name
    assert [value for _, value in buckets] == sorted(value for _, value in buckets), name
    assert len({bound for bound, _ in buckets}) == len(buckets), name
    count = [value for sample, _, value in samples if sample == name + "_count"]
    assert count == [buckets[-1][1]], name


def _check_family(name, kind, samples):
    assert re.fullmatch(r"(hostcast|process)_[a-z0-9_]+", name), name
    assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    for wrong in ("_ms", "_ns", "_msec", "_milliseconds", "_kb", "_kilobytes", "_count", "_sum"):
        assert not name.endswith(wrong), name
    for sample, labels, value in samples:
        assert sample[len(name):] in _SUFFIXES[kind], f"{sample} among {name}"
        assert kind == "gauge" or value >= 0, sample
        assert sample.endswith("_bucket") == ("le" in labels), sample
    if kind == "histogram":
        _check_histogram(name, samples)


def parse(text):
    """{(sample, ((label, value), ...)): number}; fails for what a monitor would not take."""
    assert text.endswith("\n")
    values, families, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current, words = line.split(" ", 3)[2:]
            assert words.strip(), f"{current} has no help"
            assert current not in families, f"{current} twice"
            families[current] = [None, []]
        elif line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            assert name == current and families[name][0] is None, line
            assert kind in _SUFFIXES, line
            families[name][0] = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            sample, labels, value = match[1], _labels(match[2]), float(match[3])
            key = (sample, tuple(sorted(labels.items())))
            assert key not in values, f"{line} twice"
            assert current and families[current][0], f"{line} before its family"
            values[key] = value
            families[current][1].append((sample, labels, value))
    for name, (kind, samples) in families.items():
        _check_family(name, kind, samples)
    return Metrics(values, families)


class Metrics:
    def __init__(self, values, families):
        self.values = values
        self.families = families

    def __call__(self, sample, **labels):
        return self.values[(sample, tuple(sorted(labels.items())))]
