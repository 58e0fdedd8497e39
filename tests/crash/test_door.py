# SPDX-License-Identifier: Apache-2.0
"""The door of a running gateway when descriptors, the kernel's patience or memory run out because of those who knock: idle ones give way, news of
payments comes in, accept is not hammered, and bodies have one ceiling together. Each story ends in the audit of the crash matrix."""
import contextlib
import errno
import os
import resource
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, request, test, wait_for  # noqa: E402
from scene import GONE  # noqa: E402
from shaken import Shaken  # noqa: E402

FEW = {"http__workers_max": 8, "http__notify_workers_max": 4}
ROOM = 40  # descriptors left for clients
SECONDS = 1.5
# The acceptor looks again after 100 ms; twice as many, and a few for those who come.
PATIENT = int(2 * SECONDS * 10) + 10


def tighten(scene, room=ROOM):
    """No more descriptors than it has now, and a few."""
    taken = len(os.listdir(f"/proc/{scene.pid}/fd"))
    resource.prlimit(scene.pid, resource.RLIMIT_NOFILE, (taken + room, taken + room))


class Idlers:
    """Clients that ask once, keep their connection, say nothing more, and come again as soon as they are shown out."""

    def __init__(self, port, count):
        self.port, self.held, self.stop, self.shown_out = port, [], threading.Event(), 0
        self.count, self.thread = count, threading.Thread(target=self.run)
        self.thread.start()

    def one(self):
        connection = tap.connect(self.port, 2)
        self.held.append(connection)
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.setblocking(False)

    def lives(self, connection):
        with contextlib.suppress(BlockingIOError):
            while connection.recv(65536):
                pass
            return False
        return True

    def look(self):
        for connection in list(self.held):
            alive = False
            with contextlib.suppress(OSError):
                alive = self.lives(connection)
            if not alive:
                self.held.remove(connection)
                connection.close()
                self.shown_out += 1

    def run(self):
        while not self.stop.is_set():
            self.look()
            for _ in range(min(8, self.count - len(self.held))):
                with contextlib.suppress(OSError):
                    self.one()
            time.sleep(0.02)

    def end(self):
        self.stop.set()
        self.thread.join()
        for connection in self.held:
            connection.close()


def applied(scene):
    return sum(entry.get("route") == "notify" and entry["outcome"] == "applied" for entry in scene.logged("flow"))


@test
def s_136_at_the_limit_of_descriptors_idle_ones_go_and_notifications_come_in(_):
    with Shaken("idle", **FEW) as scene:
        orders = [scene.order() for _ in range(6)]
        for order in orders:
            scene.insist(order)
            scene.stack.control("POST", f"/trades/{order.answers[0][1]['upstream_no']}/scan", {})
        tighten(scene)
        crowd = Idlers(scene.stack.gateway_port, 3 * ROOM)
        try:
            wait_for(lambda: crowd.shown_out > ROOM and scene.logged("http_out_of_descriptors"), "idle connections that are shown out", 20)
            for order in orders:
                scene.stack.pay(order.answers[0][1]["upstream_no"])
            wait_for(lambda: applied(scene) == len(orders), "six notifications among the crowd", 30)
            # It was never away for longer than it takes to come again.
            wait_for(lambda: crowd.thread.is_alive() and len(crowd.held) > ROOM // 2, "the crowd that is still there", 20)
        finally:
            crowd.end()
        scene.works()
        scene.finish()


def busy(scene):
    """A connection that no one may shut: its request is under way, half of the body is there."""
    connection = tap.connect(scene.stack.gateway_port, 2)
    connection.sendall(b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    return connection


def accepts_in_a_while(scene):
    scene.shim.order("accept", at=1 << 60)
    time.sleep(SECONDS)
    scene.shim.end("accept")
    return scene.shim.calls("accept")


@test
def s_136_without_a_descriptor_to_win_accept_is_asked_ten_times_a_second(_):
    """All descriptors are held by requests under way, clients wait in the kernel: counted calls of accept, no clock of the processor."""
    with Shaken("full", **FEW, http__body_timeout="60s") as scene:
        scene.insist(scene.order())
        tighten(scene)
        held = []
        wait_for(lambda: held.append(busy(scene)) or scene.logged("http_out_of_descriptors"), "descriptors running out", 20, 0.01)
        late = tap.connect(scene.stack.gateway_port, 20)
        late.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        calls = accepts_in_a_while(scene)
        expect(0 < calls <= PATIENT, f"accept was called {calls} times in {SECONDS} s, wanted 1 to {PATIENT}")
        for one in held:
            one.close()
        equal(tap.statuses(tap.read_all(late)[0]), [200], "who had waited")
        scene.works()
        scene.finish()


@test
def s_136_an_error_of_accept_that_stays_is_no_busy_loop(_):
    with Shaken("stays") as scene:
        scene.insist(scene.order())
        for number in (errno.ENOBUFS, errno.EPROTO, errno.ENETDOWN, errno.EPERM):
            scene.shim.order("accept", count=-1, error=number)
            late = tap.connect(scene.stack.gateway_port, 20)
            late.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            time.sleep(SECONDS)
            calls, struck = scene.shim.calls("accept"), scene.shim.end("accept")
            expect(0 < struck and calls <= PATIENT, f"{errno.errorcode[number]}: accept was called {calls} times in {SECONDS} s, struck {struck}")
            equal(tap.statuses(tap.read_all(late)[0]), [200], f"who had waited through {errno.errorcode[number]}")
        scene.works()
        scene.finish()


# ---- memory


CEILING = 8 << 20  # http.bodies_memory
BODY = 256 * 1024  # notify.body_max
CROWD = 360


def resident(pid):
    """Bytes of memory now, and at most so far."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return tuple(int(text.split(name + ":")[1].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def pour(connection, bytes_left):
    """As much as goes without waiting; what is left, 0 when the gateway has had enough."""
    try:
        return bytes_left - connection.send(b"a" * min(bytes_left, 65536))
    except BlockingIOError:
        return bytes_left
    except OSError:
        return 0


def announce(port):
    connection = tap.connect(port, 5)
    connection.sendall(b"POST /notify/alipay/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (BODY - 1))
    connection.setblocking(False)
    return connection


@test
def the_bodies_of_a_crowd_have_one_ceiling_and_notifications_pass_beside_it(_):
    """360 clients pour 90 MiB of bodies that never end. What they hold together is counted and bounded, and so is what the process grows by."""
    with Shaken("bodies", http__bodies_memory="8MiB", http__body_timeout="60s") as scene:
        orders = [scene.order() for _ in range(3)]
        for order in orders:
            scene.insist(order)
        before, most = resident(scene.pid)[0], 0
        crowd = {announce(scene.stack.gateway_port): BODY - 100 for _ in range(CROWD)}
        for _ in range(400):
            for connection, left in crowd.items():
                crowd[connection] = pour(connection, left) if left else 0
            most = max(most, tap.metric(scene.stack, "till_body_bytes"))
            if not any(crowd.values()):
                break
        expect(not any(crowd.values()), f"{sum(1 for left in crowd.values() if left)} clients could not pour all they had")
        expect(0 < most <= CEILING, f"bodies held {most} bytes of {CEILING}")
        expect(most >= CEILING // 4, f"the crowd held {most} bytes only: nothing was shown")
        grown = resident(scene.pid)[1] - before
        print(f"# bodies held at most {most / 2**20:.1f} MiB, the process grew by {grown / 2**20:.0f} MiB")
        expect(grown < CEILING + CROWD * 64 * 1024 + (24 << 20), f"it grew by {grown} bytes")
        for order in orders:
            scene.settle(order)
        for connection in crowd:
            connection.close()
        wait_for(lambda: tap.metric(scene.stack, "till_body_bytes") == 0, "bodies let go")
        scene.works()
        scene.finish()


if __name__ == "__main__":
    tap.main(setup=lambda: None)
