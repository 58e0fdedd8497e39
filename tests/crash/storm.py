# SPDX-License-Identifier: Apache-2.0
"""The third load shape of the crash matrix: creates, payments, refunds, closes, notifications, webhooks and changes of keys at once, killed at points drawn by lot.

A round is two lives: one is killed under the storm, the next one in its recovery, with the storm still on. A scene takes some rounds, then comes to
rest and is audited. The lots come from a seed; the moments are the machine's. Points are dealt from a deck, so that scenes of seeds that follow one
another meet each of them before any comes again.
"""
import contextlib
import os
import random
import threading
import time

import tap
from scene import GONE, KILLED, Scene
from tap import Failed, admin_http, wait_for

ROUNDS_A_SCENE = 3
PATIENCE = 6.0  # seconds for a point to be met; then the kill comes from outside
SETTINGS = {"payments__ask_after": "1s", "payments__ask_slowest": "2s", "upstream__timeout": "2s", "payments__create_deadline": "3s"}
# Which life can meet a point. Points that need a story of their own (bills, payment codes, schema, the drain, given-up webhooks) are the matrix's.
STORM = ([f"C{n}" for n in range(1, 14)] + [f"N{n}" for n in range(1, 13)] + [f"F{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)]
         + [f"X{n}" for n in (1, 2, 3, 4, 5, 7)] + [f"W{n}" for n in range(1, 9)] + ["K1", "K2", "S3"])
RECOVERY = (["S1", "S2", "S3", "S4"] + [f"C{n}" for n in range(5, 13)] + [f"N{n}" for n in range(1, 13)] + ["F5", "F8", "F9", "F10"]
            + [f"X{n}" for n in (3, 4, 5)] + [f"W{n}" for n in range(1, 8)])
# What the platform does in between: silence before and after, slowness, refusals of refunds.
WEATHER = [{"operation": "precreate", "fault": "drop_after", "probability_ppm": 80000}, {"operation": "precreate", "fault": "drop_before", "probability_ppm": 50000},
           {"operation": "precreate", "fault": "delay_answer", "argument": "60", "probability_ppm": 300000},
           {"operation": "refund", "fault": "drop_after", "probability_ppm": 250000}, {"operation": "refund", "fault": "drop_before", "probability_ppm": 150000},
           {"operation": "refund", "fault": "refuse", "argument": "ACQ.SELLER_BALANCE_NOT_ENOUGH", "probability_ppm": 150000},
           {"operation": "close", "fault": "drop_after", "probability_ppm": 200000}]


class Storm:
    """People who do everything until told to stop; the scene remembers each promise."""

    def __init__(self, scene, seed, merchants=3):
        self.scene, self.over, self.lock = scene, threading.Event(), threading.Lock()
        for index in range(merchants):
            scene.background(self.trade, random.Random(f"{seed}/{index}"))
        scene.background(self.administer, random.Random(f"{seed}/admin"))

    def wait(self, seconds):
        return self.over.wait(seconds)

    def trade(self, lot):
        """One merchant: a new order, then something with it or with an older one."""
        mine = []
        while not self.wait(lot.uniform(0.02, 0.09)):
            with self.lock:
                order = self.scene.order()
            if self.scene.send(order) and order.answers[-1][0] == 201:
                mine.append(order)
            if mine:
                with contextlib.suppress(*GONE):
                    self.turn(lot, mine[-lot.randint(1, min(4, len(mine)))])

    def turn(self, lot, order):
        what = lot.random()
        if what < 0.45:
            with contextlib.suppress(RuntimeError):  # closed meanwhile: the platform takes no money for it
                self.scene.pay(order)
        elif what < 0.75:
            self.refund(lot, order)
        elif what < 0.85:
            self.scene.close(order)

    def refund(self, lot, order):
        """A part of what is paid; one that has no answer yet is asked for again, as merchants do."""
        document = self.scene.read(order)
        if not document or document["state"] != "paid":
            return
        open_one = next((refund for refund in self.scene.refunds if refund.order is order and not any(
            answer["state"] in ("succeeded", "failed") for answer in refund.answers)), None)
        asked = sum(refund.amount for refund in self.scene.refunds if refund.order is order)
        if not open_one and asked + 100 > order.amount:
            return
        with self.lock:
            refund = open_one or self.scene.refund(order, 50 + lot.randrange(50))
        self.scene.send_refund(refund)

    def administer(self, lot):
        """Rotates an app's key and webhook secret now and then; the first key and secret stay alive."""
        app = self.scene.stack.app["id"]
        while not self.wait(lot.uniform(0.2, 0.5)):
            with contextlib.suppress(*GONE):
                made = admin_http(self.scene.stack, "POST", "/admin/keys", {"app_id": app})
                if made.status == 201:
                    admin_http(self.scene.stack, "POST", f"/admin/keys/{made.json()['id']}/end", {"in_seconds": 3600})

    def stop(self):
        self.over.set()
        self.scene.join()


class Tally:
    """What was drawn and what became of it."""

    def __init__(self):
        self.kills, self.unmet, self.scenes, self.lock = {}, {}, 0, threading.Lock()

    def note(self, point, met):
        with self.lock:
            counts = self.kills if met else self.unmet
            counts[point] = counts.get(point, 0) + 1
            if met:
                KILLED.add(point)

    @property
    def by_hand(self):
        return sum(self.unmet.values())

    def __str__(self):
        def told(counts):
            return " ".join(f"{point} {count}" for point, count in sorted(counts.items(), key=lambda item: (item[0][0], int(item[0][1:]))))
        return (f"{self.scenes} scenes, {sum(self.kills.values())} kills at {len(self.kills)} points: {told(self.kills)};"
                f" {self.by_hand} from outside because the point was not met: {told(self.unmet) or 'none'}")


def die(scene, storm, point, tally, patience):
    """Until the armed life is dead; true when it died at its point. Then what it left is audited."""
    gateway = scene.stack.gateway
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not gateway.running(), f"the kill at {point}", patience, 0.02)
    met = not gateway.running()
    if not met:
        gateway.kill()
    storm.stop()
    if met and gateway.child.returncode != -9:
        raise Failed(f"the life armed with {point} ended with {gateway.child.returncode}: {gateway.output()[-1500:]}")
    scene.armed = None
    tally.note(point, met)
    scene.left()


def deal(points, turn):
    """The turn-th card of the shuffled points, round and round."""
    deck = sorted(points)
    random.Random("deck").shuffle(deck)
    return deck[turn % len(deck)]


def round_of(scene, lot, turn, tally, patience=PATIENCE):
    """Killed under the storm, killed again in the recovery from that."""
    for points, merchants, latest in ((STORM, 3, 5), (RECOVERY, 1, 2)):
        point, hit = deal(points, turn), lot.randint(1, latest)
        scene.start(point, at=hit)
        storm = Storm(scene, lot.random(), merchants)
        if point[0] == "N":
            with contextlib.suppress(*GONE):
                scene.urge()
        die(scene, storm, point, tally, patience)


def settle(scene):
    """Whoever has no answer asks again; then everything comes to rest and is audited."""
    scene.start()
    scene.stack.control("DELETE", "/faults")
    for order in list(scene.orders.values()):
        if not order.answers:
            scene.insist(order)
    for refund in list(scene.refunds):
        if not refund.answers:
            wait_for(lambda one=refund: scene.send_refund(one), f"the refund {refund.number}", 30, 0.3)
    scene.finish()


def scene_of_storm(seed, tally, rounds=ROUNDS_A_SCENE, patience=PATIENCE):
    lot = random.Random(seed)
    with Scene(f"storm-{seed}", **SETTINGS) as scene:
        scene.settle(scene.order())
        for weather in WEATHER:
            scene.stack.control("POST", "/faults", {"count": 1000000, **weather})
        for number in range(rounds):
            scene.kill()
            round_of(scene, lot, seed * rounds + number, tally, patience)
        settle(scene)
    with tally.lock:
        tally.scenes += 1


def print_tally(tally):
    print(f"# {tally}", flush=True)


def seed_of_today():
    """CRASH_SEED, or the day's luck; always told."""
    seed = os.environ.get("CRASH_SEED") or str(int(time.time()))
    print(f"# CRASH_SEED={seed}", flush=True)
    tap.expect(seed.isdigit(), "CRASH_SEED is a number")
    return int(seed)
