# SPDX-License-Identifier: MIT
"""What the benchmarks share: the fixture of the end-to-end tests, and a table."""
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness.stack import Stack  # noqa: E402


def percentile(values, share):
    """The value that `share` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def table(title, heads, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in [heads] + rows) for n in range(len(heads))]
    print(f"\n{title}")
    for row in [heads] + rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width)
                                             for cell, width in zip(row[1:], widths[1:])]
        print("  " + "   ".join(cells), flush=True)


def with_stack(measure, extra=None):
    """Run `measure` on a stack of its own; programs must be built and we must be root."""
    if os.geteuid() != 0:
        sys.exit("the benchmarks need root: they mount")
    stack = Stack(extra)
    try:
        measure(stack.start())
    finally:
        stack.close()
