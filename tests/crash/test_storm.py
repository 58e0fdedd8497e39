# SPDX-License-Identifier: Apache-2.0
"""Kills at points drawn by lot, under everything at once, and again in the recovery.

In `make test` a few scenes; CRASH_SECONDS (as `make soak ARGS=crash` sets it) goes on for so long. CRASH_SEED plays the same lots again.
"""
import concurrent.futures
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
import registry  # noqa: E402
import storm  # noqa: E402

AT_ONCE, SCENES = 2, 6


@tap.test
def points_of_the_storm_are_points(_):
    tap.equal(sorted(set(storm.STORM + storm.RECOVERY) - set(registry.places())), [], "points that the storm draws and nobody has")


@tap.test
def scenes_that_follow_one_another_meet_each_point_before_any_comes_again(_):
    for points in (storm.STORM, storm.RECOVERY):
        tap.equal(sorted(storm.deal(points, turn) for turn in range(7, 7 + len(points))), sorted(points), "a whole deck")


@tap.test
def storms_that_are_killed_at_points_drawn_by_lot_lose_nothing_and_double_nothing(seed):
    """Each scene has a seed of its own, which a failure names."""
    end = time.monotonic() + float(os.environ.get("CRASH_SECONDS", "0"))
    tally, failed, serial = storm.Tally(), [], 0
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    running = {}
    while serial < SCENES or (time.monotonic() < end and not failed) or running:
        while len(running) < AT_ONCE and not failed and (serial < SCENES or time.monotonic() < end):
            running[pool.submit(storm.scene_of_storm, seed + serial, tally)] = seed + serial
            serial += 1
        done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            each = running.pop(future)
            if future.exception():
                failed.append(f"CRASH_SEED={each}: {type(future.exception()).__name__}: {future.exception()}")
        if failed and not running:
            break
    storm.print_tally(tally)
    tap.equal(failed, [], "violations")
    drawn = sum(tally.kills.values())
    tap.expect(drawn > tally.by_hand, f"most kills came from outside, not at their points: {tally}")
    tap.expect(len(tally.kills) >= SCENES, f"too few points were met: {tally}")


if __name__ == "__main__":
    tap.main(setup=storm.seed_of_today)
