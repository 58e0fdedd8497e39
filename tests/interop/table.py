# SPDX-License-Identifier: Apache-2.0
"""Writes doc/CONFORMANCE.md from the results of a run: the same run, the same bytes."""
from pathlib import Path

from scene import SDKS
from toolchains import versions

PAGE = Path(__file__).resolve().parents[2] / "doc" / "CONFORMANCE.md"
HEADINGS = {
    "key": ("Key mode", "The app's and the platform's public keys are exchanged; RSA2."),
    "certificate": ("Certificate mode", "Certificates on both sides; every answer names the platform's certificate."),
    "aes": ("Encrypted content", "Key mode, and the business content of requests and answers under AES."),
    "hosts": ("Compiled-in hosts", "Nothing in the client is set: it calls the platform's production host, over TLS under the sandbox's authority."),
}
HEAD = """# Conformance

`make interop` writes this page; do not edit it. Each cell is a scene of `tests/interop` that ran against a real `till sandbox` (or a real
gateway) through the named client, unmodified, its own verifier over every answer and every notification. "yes" passed. A number is a cell
that cannot be filled, and says why below. A cell that failed would fail the run, so there is none here.

"""

TAIL = """
## Clients that have no column

PHP: its clients come from a registry of its own, which the machines that build till do not reach; Debian, npm and PyPI have none of them. What they
parse is what the dossier's section 3.3 says, and the layout of answers is tested for it.
"""


def versions_table():
    lines = ["| column | client |", "|---|---|"]
    return "\n".join(lines + [f"| {sdk} | {words} |" for sdk, words in versions().items()]) + "\n"


def mode_table(mode, results, reasons):
    title, words = HEADINGS[mode]
    lines = [f"\n## {title}\n", words + "\n", "| scene | " + " | ".join(SDKS) + " |", "|---" * (len(SDKS) + 1) + "|"]
    rows = {}
    for (row_mode, _, row_title, sdk), (state, why) in results.items():
        if row_mode == mode:
            rows.setdefault(row_title, {})[sdk] = "yes" if state == "ok" else number_of(why, reasons) if state == "grey" else "**no**"
    lines += [f"| {row} | " + " | ".join(cells[sdk] for sdk in SDKS) + " |" for row, cells in rows.items()]
    return "\n".join(lines) + "\n"


def number_of(why, reasons):
    if why not in reasons:
        reasons.append(why)
    return f"({reasons.index(why) + 1})"


def page(results):
    """results: (mode, row, title, SDK) -> (ok | grey | fail, why), in the order of the table."""
    reasons = []
    tables = "".join(mode_table(mode, results, reasons) for mode in HEADINGS)
    states = [state for state, _ in results.values()]
    counts = f"\n{states.count('ok')} cells passed, {states.count('fail')} failed, {states.count('grey')} cannot be filled.\n"
    notes = "".join(f"{number}. {why}\n" for number, why in enumerate(reasons, 1))
    return HEAD + versions_table() + tables + counts + ("\n## Why a cell is not filled\n\n" + notes if notes else "") + TAIL
