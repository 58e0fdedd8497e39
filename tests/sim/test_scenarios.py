# SPDX-License-Identifier: Apache-2.0
"""The simulator's scenarios, a few seeds each: what they are about happened, in both directions, and nothing was violated."""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import tap  # noqa: E402

SEEDS = (1, 2)
TIMEOUT_S = 600


class Played:
    def __init__(self, scenario, seed, *more):
        self.words = ["--seed", str(seed), "--scenario", scenario, *more]
        done = subprocess.run([os.environ["SIM"], *self.words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S)
        self.status, self.text = done.returncode, done.stdout
        self.counts = {name: int(value) for name, value in re.findall(r"^count (\S+) (-?\d+)$", self.text, re.M)}
        found = re.search(r"^violation of (\S+): (.*)$", self.text, re.M)
        self.invariant, self.sentence = found.groups() if found else (None, "")
        hashes = re.findall(r"^hash ([0-9a-f]{16})$", self.text, re.M)
        self.hash = hashes[-1] if hashes else None

    def __getitem__(self, name):
        return self.counts.get(name, 0)


def play(scenario, seed, *more):
    played = Played(scenario, seed, *more)
    tap.expect(played.status == 0 and played.hash, f"sim {' '.join(played.words)}: {played.status}\n" + "\n".join(played.text.splitlines()[-6:]))
    return played


def happened(runs, *names):
    for name in names:
        tap.expect(sum(run[name] for run in runs) > 0, f"{name} never happened in {len(runs)} runs")


@tap.test
def s_092_a_thousand_closes_against_a_thousand_payments(_):
    """Each round ends closed and unpaid upstream, or paid, or with late money that is recorded; never both, never neither."""
    for run, rounds in ((play("close_vs_paid", 1), 1000), (play("close_vs_paid", 2, "--size", "200"), 200)):
        ends = [run[name] for name in ("round.closed_and_unpaid", "round.paid", "round.paid_late", "round.came_and_went")]
        tap.equal(sum(ends), rounds, "rounds that ended")
        happened([run], "round.closed_and_unpaid", "round.paid")


@tap.test
def s_094_a_thousand_times_several_refunds_at_once(_):
    """What was accepted fits, and nothing that was refused would have fitted beside it."""
    for run, rounds in ((play("refund_race", 1), 1000), (play("refund_race", 2, "--size", "200"), 200)):
        tap.equal(run["round.refunded_at_once"], rounds, "rounds")
        tap.expect(run["round.refund_accepted"] + run["round.refund_refused"] >= 2 * rounds, "fewer than two refunds a round")
        happened([run], "round.refund_accepted", "round.refund_refused")


@tap.test
def every_unknown_is_settled_after_an_outage_of_days(_):
    runs = [play("outage", seed, "--size", "24") for seed in SEEDS]
    happened(runs, "outage.unknown_before", "fault.network.silence")


@tap.test
def s_106_an_endpoint_that_is_away_for_three_days_gets_everything(_):
    runs = [play("webhook_outage", seed) for seed in SEEDS[:1]]
    happened(runs, "fault.shop.away", "merchant.shippings")


@tap.test
def s_139_no_replay_counts_whatever_the_clocks_do(_):
    runs = [play("clock", seed) for seed in SEEDS]
    tap.expect(all(run["clock.replays"] == 48 for run in runs), "a replay was left out")


@tap.test
def s_091_late_money_is_kept_or_given_back_as_the_app_wants_it(_):
    tap.equal([play("late_keep", seed)["late.kept"] for seed in SEEDS], [20] * len(SEEDS), "late payments that were kept")
    tap.equal([play("late_refund", seed)["late.given_back"] for seed in SEEDS], [20] * len(SEEDS), "late payments that were given back")


@tap.test
def s_093_one_order_paid_at_two_accounts(_):
    """The first money settles it; the second is recorded once, whatever is notified how often."""
    runs = [play("two_accounts", seed) for seed in SEEDS]
    for run in runs:
        tap.equal(run["twice.both_paid"] + run["twice.one_paid"], 40, "rounds that ended")
    happened(runs, "twice.both_paid")


@tap.test
def an_account_that_fails_rests_and_no_other(_):
    """Half of the calls failing never opens, declines never; six in ten open, what is owed goes before new orders, and probes close it."""
    for run in [play("breaker", seed) for seed in SEEDS]:
        for what in ("half", "declines", "opened", "other_account", "owed", "closed"):
            tap.equal(run[f"breaker.{what}"], 2, f"breaker.{what}")


@tap.test
def a_merchant_that_ships_at_every_delivery_is_found_out(_):
    """The other direction: the invariants are looked at."""
    runs = [Played("careless", seed) for seed in range(1, 9)]
    found = [run for run in runs if run.status == 1 and run.invariant == "I16" and "shipped" in run.sentence]
    tap.expect(found, f"of {len(runs)} careless merchants none was found out")
    tap.expect(all(run.status == 0 or run in found for run in runs), "a careless merchant failed for another reason")


@tap.test
def cards_are_sold_by_and_the_books_agree(_):
    runs = [play("cards", seed) for seed in range(1, 7)]
    happened(runs, "check.card_paid", "check.card_unpaid", "buyer.cards", "buyer.money_later", "buyer.money_never", "buyer.ways_back",
             "merchant.refunds", "merchant.closes", "fault.platform.dashboard_refund", "fault.platform.stripe_error_after")


@tap.test
def life_goes_on_and_meets_everything(_):
    runs = [play("life", seed) for seed in range(1, 9)]
    happened(runs, "merchant.orders", "merchant.refunds", "merchant.replays", "merchant.changed_orders", "merchant.twins", "buyer.pages",
             "buyer.scans", "fault.process.kill", "fault.power.loss", "fault.shop.kill")


if __name__ == "__main__":
    tap.main(setup=lambda: None)
