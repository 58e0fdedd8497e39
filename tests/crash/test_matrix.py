# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every crash point of rt/failpoint.def that the gateway has; again during the recovery; then the audit.

Three scenes run at a time, each with a gateway, a platform and a shop of its own; the tests collect them in order.
"""
import concurrent.futures
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
import flows  # noqa: E402
import flows_barcode  # noqa: E402
import flows_bill  # noqa: E402
import flows_keys  # noqa: E402
import flows_money  # noqa: E402
import registry  # noqa: E402
import scene  # noqa: E402

AT_ONCE = 3


def crowd_creates(point, again):
    flows.create(point, again, crowd=24)


# Point, what hits the recovery, the flow.
MATRIX = [
    # Nothing is committed: the start dies, or the repetition of the merchant who heard nothing.
    ("C1", "C5", lambda *points: flows.create(*points, merchant_repeats=True)),
    ("C2", "C4", lambda *points: flows.create(*points, merchant_repeats=True)),
    ("C3", "C13", lambda *points: flows.create(*points, merchant_repeats=True)),
    ("C4", "S3", flows.create),
    # An intent is committed: the resolver's own repetition dies.
    ("C5", "C8", flows.create),
    ("C6", "C11", flows.create),
    ("C7", "C9", flows.create),
    ("C8", "C12", flows.create),
    ("C9", "C10", flows.create),
    ("C10", "C7", flows.create),
    ("C11", "C6", flows.create),
    # All is committed, its merchant does not know.
    ("C12", "S2", flows.create),
    ("C13", "C1", lambda *points: flows.create(*points, merchant_repeats=True)),
    # The platform's repetition dies.
    ("N1", "N9", flows.notify), ("N2", "N6", flows.notify), ("N3", "N10", flows.notify), ("N4", "N7", flows.notify),
    ("N5", "N11", flows.notify), ("N6", "N2", flows.notify), ("N7", "N5", flows.notify), ("N8", "N3", flows.notify),
    ("N9", "N4", flows.notify), ("N10", "N12", flows.notify), ("N11", "N8", flows.notify), ("N12", "N1", flows.notify),
    # The next attempt of the delivery dies, or the start when there is none.
    ("W1", "W3", flows.webhook), ("W2", "W5", flows.webhook), ("W3", "W1", flows.webhook), ("W4", "W6", flows.webhook),
    ("W5", "W7", flows.webhook), ("W6", "W2", flows.webhook), ("W7", "S3", flows.webhook), ("W8", "W4", flows.webhook),
    ("W9", "S2", flows.webhook),
    # The first worker hangs longer than its lease, the second one delivers, the first one reports.
    ("W10", "S4", lambda *points: flows.webhook(*points, script="W5=delay:21000@1;W10=kill")),
    ("S1", "S2", flows.starting), ("S2", "S1", flows.starting), ("S3", "S3", flows.starting), ("S4", "S3", flows.starting),
    ("S5", "S4", flows.stopping), ("S6", "S1", flows.stopping), ("S7", "S2", flows.stopping),
    # The resolver dies, or the platform's notification of the refund.
    ("F1", "F2", lambda *points: flows_money.refund(*points, merchant_repeats=True)),
    ("F2", "F9", flows_money.refund), ("F3", "F10", flows_money.refund), ("F4", "F9", flows_money.refund),
    ("F5", "F8", flows_money.refund), ("F6", "F6", flows_money.refund), ("F7", "F10", flows_money.refund),
    ("F8", "S2", flows_money.refund), ("F9", "F5", flows_money.refund), ("F10", "F8", flows_money.refund),
    ("F11", "F11", flows_money.refund),
    ("X1", "X2", lambda *points: flows_money.close(*points, merchant_repeats=True)),
    ("X2", "X5", flows_money.close), ("X3", "X4", flows_money.close), ("X4", "X3", flows_money.close), ("X5", "X4", flows_money.close),
    ("X6", "X5", flows_money.close_and_pay), ("X7", "X7", flows.starting),
]
# The same where many share a commit.
CROWDS = [(point, again, crowd_creates) for point, again in (("C3", "S1"), ("C4", "S2"), ("C5", "C11"), ("C8", "C8"), ("C11", "C12"),
                                                             ("C12", "S3"))]
CROWDS += [(point, again, flows.notify_crowd) for point, again in (("N4", "N9"), ("N6", "N10"), ("N9", "N7"), ("N10", "N11"),
                                                                   ("N11", "N6"), ("N12", "N12"))]
# Payment codes: the sender dies, those who ask, those who cancel.
CODES = [(point, again, flows_barcode.charge) for point, again in (("C5", "P2"), ("C7", "X3"), ("C8", "P1"), ("C11", "P2"), ("C12", "S2"))]
CODES += [("P1", "P2", flows_barcode.password), ("P2", "P1", flows_barcode.password)]
CODES += [(point, again, flows_barcode.never) for point, again in (("P3", "X3"), ("X1", "P3"), ("X2", "X4"), ("X3", "P1"), ("X4", "P2"),
                                                                   ("X5", "P1"))]
CODES += [(point, again, flows_barcode.carried) for point, again in (("C5", "C11"), ("C11", "C12"), ("C12", "S2"))]
# Bills: nothing of one that is not whole may stay.
BILLS = [(point, again, flows_bill.bill) for point, again in (("B1", "B3"), ("B2", "B1"), ("B3", "B5"), ("B5", "B2"))]
BILLS += [(point, again, flows_bill.compare) for point, again in (("B4", "B6"), ("B6", "B4"))]
# Secrets: an app always has a key that works, and nothing sealed is ever lost.
KEYS = [("K1", "K2", flows_keys.rotate), ("K2", "K1", flows_keys.rotate), ("K3", "K3", flows_keys.certificate), ("K4", "K4", flows_keys.reseal)]
HOOKS = [(point, again, flows_keys.rotate_webhook) for point, again in (("K1", "K2"), ("K2", "K1"))]


def name_of(point, again, where="kill"):
    return f"{where}_at_{point}_then_again_at_{again}_loses_nothing_and_doubles_nothing"


SCENES = {name_of(*row[:2]): row for row in MATRIX} | {name_of(*row[:2], "kill_in_a_crowd"): row for row in CROWDS}
SCENES |= {name_of(*row[:2], "kill_a_page" if row[2] is flows_barcode.carried else "kill_a_payment_code"): row for row in CODES}

SCENES |= {name_of(*row[:2], "kill_a_bill"): row for row in BILLS}
SCENES |= {name_of(*row[:2], "kill_a_key"): row for row in KEYS} | {name_of(*row[:2], "kill_a_webhook_secret"): row for row in HOOKS}


def add(name):
    def collect(running):
        running[name].result()
    collect.__name__ = name
    tap.test(collect)


for each in SCENES:
    add(each)


@tap.test
def every_crash_point_of_these_flows_was_hit(running):
    """Hit: a process was killed there, at first or in its recovery. Of tests that were chosen by name, theirs."""
    wanted = {point for name in running for point in SCENES[name][:2]}
    missing = sorted(wanted - scene.KILLED)
    tap.expect(not missing, f"never hit: {missing}")


@tap.test
def every_crash_point_that_is_asked_for_exists_and_has_its_kills(_):
    """Those of schema and demo shop have tests of their own; registry.py finds them."""
    tap.equal(registry.problems(SCENES), [], "the lists")


@tap.test
def a_crash_point_that_one_list_lacks_is_found(_):
    """Each list once without K3, each once with a point that nobody knows."""
    known, code, kills = registry.registered(), registry.places(), registry.rows(SCENES)
    without = {name: place for name, place in known.items() if name != "K3"}
    cases = [("K3 is asked for and not registered", {"known": without}), ("Q1 is registered, and nobody asked for it", {"known": {**known, "Q1": "q"}}),
             ("K3 is registered and not in the code", {"code": {name: files for name, files in code.items() if name != "K3"}}),
             ("K3 is in the code and no test kills there", {"kills": [row for row in kills if row[0] != "K3"]}),
             ("Q1 is killed at and not registered", {"kills": kills + [("Q1", "C1", "", "")]}),
             ("Q1: nothing kills again in its recovery", {"kills": kills + [("Q1", "", "", "")]})]
    for sentence, lists in cases:
        found = registry.problems(SCENES, **lists)
        tap.expect(sentence in found, f"not found: {sentence}; only {found}")


def run_all():
    """Starts the chosen scenes; the one that waits longest goes first."""
    wanted = set(sys.argv[1:])
    chosen = [name for name in SCENES if not wanted or name in wanted]
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    running = {}
    for name in sorted(chosen, key=lambda name: SCENES[name][0] != "W10"):
        point, again, flow = SCENES[name]
        running[name] = pool.submit(flow, point, again)
    return running


if __name__ == "__main__":
    tap.main(setup=run_all)
