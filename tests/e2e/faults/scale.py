# SPDX-License-Identifier: MIT
"""How much of each fault test there is: little in `make test`, all of it in `make soak`."""
import json
import os
import pathlib

SOAK = os.environ.get("SOAK") == "1"


def sized(test, soak):
    return soak if SOAK else test


def record(promise, figure):
    """A line of the table that `make soak` ends with."""
    path = os.environ.get("SOAK_FIGURES")
    if path:
        with pathlib.Path(path).open("a") as file:
            file.write(json.dumps([promise, figure]) + "\n")
