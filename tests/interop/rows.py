# SPDX-License-Identifier: Apache-2.0
"""The rows of doc/CONFORMANCE.md: a scene, a title, the modes it is played in. cells*.py hold the scenes."""
from scene import MODES, SDKS
from sdk import Refused
from tap import equal

ROWS = []


def row(title, modes=tuple(MODES)):
    def keep(function):
        ROWS.append((function.__name__, title, modes, function))
        return function
    return keep


def holds(answer, **wanted):
    """Each member has this value; None means that it is not there."""
    equal({name: answer.get(name) for name in wanted}, wanted, f"answer {answer}")


def refuses(action, why):
    """The SDK raises; what it says is returned."""
    try:
        value = action()
    except Refused as refusal:
        return str(refusal)
    raise AssertionError(f"{why} was taken: {value}")


def said_yes(client, form, rule="v1"):
    """Whether the SDK takes a form; raising is no."""
    try:
        return client.notified(form, rule)
    except Refused:
        return False


def all_cells():
    """(mode, row's name, title, SDK, function)."""
    for mode in [*MODES, "hosts"]:
        for name, title, modes, function in ROWS:
            if mode in modes:
                for sdk in SDKS:
                    yield mode, name, title, sdk, function
