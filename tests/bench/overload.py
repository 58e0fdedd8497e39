# SPDX-License-Identifier: Apache-2.0
"""`make bench ARGS=overload`: ten times what the gateway is told to take, from merchants who do not wait for answers.

Real processes: gateway and sandbox. A calm minute before and after is the measure for the storm. During the storm buyers pay orders of the calm, and
each notification must be acknowledged the first time it is sent. Accepted orders, queues and memory are judged; times are printed beside those of the calm.
"""
import statistics
import threading
import time

import barrage

LIMIT, OFFERED, LEAST = 500, 5000, 450  # creates a second
SECONDS, CALM_SECONDS, CALM_RATE = 10, 5, 100
PAID = 200
CONNECTIONS, CALM_CONNECTIONS = 1000, 64
SETTINGS = {"limits.instance.payments_create": f"{LIMIT}/s", "limits.app.payments_create": "off", "http.connections_per_address": 2 * CONNECTIONS, "http.connections_max": 4096}
QUEUE_MAX = 1024  # http.queue_max, a lane
GROWTH_MIB = 128


class Watch(threading.Thread):
    """Queue depth and memory while it storms; orders are paid meanwhile, at an even pace."""

    def __init__(self, bench, stack, orders):
        super().__init__(daemon=True)
        self.bench, self.stack, self.orders = bench, stack, orders
        self.queue = self.rss = 0.0
        self.paid = 0
        self.over = threading.Event()

    def look(self):
        self.rss = max(self.rss, self.bench.rss_mib(self.stack.gateway.child.pid))
        self.queue = max([self.queue, *(value for name, value in self.stack.metrics().items() if name.startswith("till_queue_depth"))])

    def run(self):
        began = time.monotonic()
        for number, order in enumerate(self.orders):
            self.over.wait(max(0.0, began + number * SECONDS / len(self.orders) - time.monotonic()))
            self.stack.pay(order["upstream_no"])
            self.paid += 1
            if number % 5 == 0:
                self.look()
        self.look()


def calm(bench, stack, prefix):
    """Sorted waits in milliseconds; everybody is served."""
    jobs = list(bench.orders(prefix, CALM_SECONDS * CALM_RATE))
    shots = barrage.Barrage(bench.tool("barrage"), bench.load(stack), jobs, CALM_CONNECTIONS, CALM_RATE).shots()
    wrong = [shot for shot in shots if shot.status != 201]
    if wrong:
        raise RuntimeError(f"{prefix}: {len(wrong)} of {len(shots)} orders of a calm time were refused, the first: {wrong[0]}")
    return barrage.waits_ms(shots, 201)


def storm(bench, stack, orders):
    jobs = list(bench.orders("storm", SECONDS * OFFERED))
    run = barrage.Barrage(bench.tool("barrage"), bench.load(stack), jobs, CONNECTIONS, OFFERED)
    watch = Watch(bench, stack, orders)
    watch.start()
    shots = run.shots()
    watch.join()
    return shots, watch


def notifications(bench, stack, orders):
    """How many of the orders' notifications were acknowledged, and how often they were sent in all."""
    numbers = {order["upstream_no"] for order in orders}

    def mine():
        return [row for row in stack.control("GET", "/notifications")["notifications"] if row["out_trade_no"] in numbers and row["event"] == "paid"]

    bench.wait_for(lambda: all(row["over"] for row in mine()) and len(mine()) >= len(orders), "every notification", 60, 0.5)
    rows = mine()
    return sum(row["acknowledged"] for row in rows), sum(row["attempts"] for row in rows)


def measure(bench, stack, paid_orders):
    """paid_orders: bodies of orders that the buyers pay during the storm. Prints the rows; RuntimeError when a promise is broken."""
    before = calm(bench, stack, "before")
    memory = bench.rss_mib(stack.gateway.child.pid)
    shots, watch = storm(bench, stack, paid_orders)
    after = calm(bench, stack, "after")
    acknowledged, sent = notifications(bench, stack, paid_orders)
    broken = tell(bench, shots, watch, before, after, memory, (acknowledged, sent, len(paid_orders)))
    if broken:
        raise RuntimeError("; ".join(broken))


def accepted_by_second(shots):
    """Orders that were accepted in each whole second of the storm, by the time of their answers."""
    whole = max(1, max(shot.sent_us for shot in shots) // 1000000)
    seconds = [0] * whole
    for shot in shots:
        if shot.status == 201 and shot.done_us < whole * 1000000:
            seconds[shot.done_us // 1000000] += 1
    return seconds


def tell_offer(bench, shots):
    sent = [shot for shot in shots if shot.sent_us > 0]
    late = sorted((shot.sent_us - shot.due_us) / 1000 for shot in sent)
    window = max(shot.sent_us for shot in sent) / 1e6
    bench.row("offered creates a second, open loop", len(sent) / window, "1/s", f"left late by {statistics.median(late):.1f} ms, at most {late[-1]:.0f}", f"wanted {OFFERED}")
    return len(sent) / window


def tell(bench, shots, watch, before, after, memory, told):
    """The rows; what is broken, in words."""
    counts, broken = barrage.statuses(shots), []
    offered = tell_offer(bench, shots)
    if offered < 0.9 * OFFERED:
        print(f"  (the generator could not offer {OFFERED}/s on this machine at this moment: what follows is of {offered:.0f}/s)")
    seconds = accepted_by_second(shots)
    middle = statistics.median(seconds)
    bench.row("accepted creates a second, median of seconds", middle, "1/s", f"{middle / LIMIT:.2f} x the limit, least {min(seconds)}", f"aim {LEAST}")
    refused = {status: count for status, count in sorted(counts.items()) if status != 201}
    bench.row("refused", sum(refused.values()), "calls", ", ".join(f"{status}: {count}" for status, count in refused.items()))
    base, base_99 = barrage.median_and_99th(before)
    for what, waits in (("accepted in the storm", barrage.waits_ms(shots, 201)), ("refused in the storm", barrage.waits_ms(shots, 429)), ("right after", after)):
        value, worst = barrage.median_and_99th(waits)
        bench.row(f"median wait, {what}", value, "ms", f"{value / base:.1f} x calm, 99th: {worst:.0f} ms", f"calm {base:.1f}, 99th {base_99:.0f}")
    acknowledged, sent, wanted = told
    bench.row("notifications acknowledged", acknowledged, "", f"of {wanted}, sent {sent} times", "aim: all, at once")
    bench.row("deepest queue", watch.queue, "calls", "", f"bound {QUEUE_MAX}")
    bench.row("memory at its largest", watch.rss, "MiB", f"{watch.rss / memory:.2f} x calm", f"calm {memory:.1f}")
    if offered >= 0.9 * OFFERED and middle < LEAST:
        broken.append(f"only {middle} creates a second were accepted")
    if acknowledged != wanted or sent != wanted:
        broken.append(f"{acknowledged} of {wanted} notifications were acknowledged in {sent} tries")
    if watch.queue > QUEUE_MAX or watch.rss > memory + GROWTH_MIB:
        broken.append("a queue or the memory went over its bound")
    return broken
