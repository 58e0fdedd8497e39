# SPDX-License-Identifier: Apache-2.0
"""The sandbox's transport: TLS under its own authority, the proxy for hosts that are compiled in, the hosts-file way, HAR. The gateway reaches
the platform through TLS, too."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import warnings
from pathlib import Path

import har
from tap import connect, create, equal, expect, free_port, main, new_stack, read_all, request, settle, statuses, test, wait_for

HOSTS = ("openapi.alipay.com", "openapi-sandbox.dl.alipaydev.com", "openapi.alipaydev.com", "mapi.alipay.com", "dwbillcenter.alipay.com")


def sandbox_up(stack, *more):
    """Ready, with all of its doors: the line about the main one comes last."""
    before = stack.sandbox.output().count("is open at") if stack.sandbox else 0
    stack.start_sandbox("--tls-listen", f"127.0.0.1:{stack.tls_port}", "--proxy-listen", f"127.0.0.1:{stack.proxy_port}", "--ca", stack.ca,
                        *more)
    wait_for(lambda: stack.sandbox.output().count("is open at") > before, "the sandbox's ready line", 60)


def setup():
    stack = new_stack()
    stack.tls_port, stack.proxy_port, stack.ca = free_port(), free_port(), stack.folder / "sandbox-ca.pem"
    sandbox_up(stack)
    stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{stack.tls_port}"
    stack.overrides["outbound.ca_file"] = str(stack.ca)
    stack.overrides["log.debug"], stack.overrides["log.level"] = "true", "debug"
    stack.init()
    stack.start_gateway()
    stack.provision()
    return stack


def context(stack, **options):
    made = ssl.create_default_context(cafile=str(stack.ca))
    for name, value in options.items():
        setattr(made, name, value)
    return made


def ask(connection, target="/gateway.do?method=x"):
    connection.request("GET", target)
    answer = connection.getresponse()
    return answer.status, answer.read()


@test
def tls_is_spoken_in_both_versions_under_the_sandboxes_own_authority(stack):
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        connection = http.client.HTTPSConnection("localhost", stack.tls_port,
                                                 context=context(stack, minimum_version=version, maximum_version=version))
        connection.connect()
        equal(connection.sock.version(), name, "version")
        status, body = ask(connection)
        equal(status, 200, "status")
        expect(b"isv.invalid-method" in body, body)
        connection.close()


@test
def old_tls_strangers_and_other_names_are_refused(stack):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(str(stack.ca))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    for made, host, what in ((old, "localhost", "TLS 1.1"), (ssl.create_default_context(), "localhost", "an unknown authority"),
                             (context(stack), "shop.test", "another name")):
        with connect(stack.tls_port) as plain:
            try:
                made.wrap_socket(plain, server_hostname=host).close()
            except ssl.SSLError:
                continue
            except ConnectionResetError:
                continue
        raise AssertionError(f"{what} was accepted")


@test
def every_host_of_the_platform_is_reached_through_the_proxy(stack):
    for host in HOSTS:
        connection = http.client.HTTPSConnection("127.0.0.1", stack.proxy_port, context=context(stack), timeout=20)
        connection.set_tunnel(host, 443)
        for _ in range(2):  # kept alive through the tunnel
            status, body = ask(connection)
            equal((status, b"isv.invalid-method" in body), (200, True), host)
        connection.close()
    seen = stack.control("GET", "/exchanges?method=x")["exchanges"]
    equal(json.loads(json.dumps(stack.control("GET", f"/exchanges/{seen[0]['id']}")))["url"], f"https://{HOSTS[-1]}/gateway.do?method=x", "url")


@test
def curl_goes_the_same_way(stack):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", "--proxy", f"http://127.0.0.1:{stack.proxy_port}", "--cacert", str(stack.ca),
                           "https://openapi.alipay.com/gateway.do", "-d", "method=x"], capture_output=True, check=True)
    expect(b"isv.invalid-method" in done.stdout, done)
    done = subprocess.run(["curl", "-sS", "--max-time", "30", "--proxy", f"http://127.0.0.1:{stack.proxy_port}",
                           "http://openapi.alipaydev.com/gateway.do?method=x"], capture_output=True, check=True)
    expect(b"isv.invalid-method" in done.stdout, done)


@test
def the_proxy_is_not_open(stack):
    for line in ("CONNECT example.com:443 HTTP/1.1", f"CONNECT 127.0.0.1:{stack.gateway_port} HTTP/1.1",
                 "CONNECT openapi.alipay.com:22 HTTP/1.1", f"GET http://127.0.0.1:{stack.gateway_port}/ready HTTP/1.1"):
        with connect(stack.proxy_port) as peer:
            peer.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
            data, closed = read_all(peer)
        equal((statuses(data), closed), ([403], True), line)
        expect(b"known host names" in data, data)


@test
def rubbish_at_the_proxy_is_answered_and_the_next_one_is_served(stack):
    for data, status in ((b"\x16\x03\x01\x02\x00\x01\x00", 400), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                         (b"CONNECT a:443 HTTP/1.1\n\n", 400), (b"CONNECT " + b"a" * 17000, 431)):
        with connect(stack.proxy_port) as peer:
            peer.sendall(data)
            answer, _ = read_all(peer)
        equal(statuses(answer), [status], data[:40])
    many = [connect(stack.proxy_port) for _ in range(140)]  # above the limit of 128; some are told 503
    for peer in many:
        peer.close()

    def is_served():
        with connect(stack.proxy_port) as peer:
            peer.sendall(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
            return statuses(read_all(peer)[0]) == [403]
    wait_for(is_served, "a free connection of the proxy")


@test
def faults_of_the_connection_arrive_through_the_tunnel(stack):
    def outcome():
        connection = http.client.HTTPSConnection("127.0.0.1", stack.proxy_port, context=context(stack), timeout=20)
        connection.set_tunnel("openapi.alipay.com", 443)
        try:
            return ask(connection, "/gateway.do?method=alipay.trade.query")[0]
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
    equal(outcome(), 200, "without a fault")
    for name in ("drop_before", "reset_before", "half"):
        stack.control("POST", "/faults", {"operation": "query", "fault": name})
        expect(outcome() in ("RemoteDisconnected", "ConnectionResetError", "SSLEOFError", "SSLError", "IncompleteRead"), name)
    equal(outcome(), 200, "afterwards")


@test
def the_authority_stays_over_a_restart_and_is_offered_for_download(stack):
    before = stack.ca.read_text()
    offered = request(stack.sandbox_port, "GET", "/control/ca")
    equal((offered.status, offered.body.decode()), (200, before), "download")
    equal(os.stat(stack.folder / "sandbox.json.tls").st_mode & 0o777, 0o600, "mode of the key")
    expect("PRIVATE" not in before, "the certificate's file holds a private key")
    equal(stack.sandbox.stop(), 0, "exit")
    sandbox_up(stack)
    equal(stack.ca.read_text(), before, "the authority")
    connection = http.client.HTTPSConnection("localhost", stack.tls_port, context=context(stack))
    equal(ask(connection)[0], 200, "TLS after a restart")
    connection.close()


@test
def options_that_make_no_sense_are_told(stack):
    for arguments, word in ((["--ca", "x.pem"], "--ca goes with"), (["--proxy-listen", "somewhere"], "ADDRESS:PORT"),
                            (["--tls-listen", f"127.0.0.1:{stack.tls_port}"], "listen at"),
                            (["--proxy-listen", f"127.0.0.1:{stack.proxy_port}"], "listen there")):
        done = subprocess.run([str(stack.till), "sandbox", "--listen", "127.0.0.1:0", *arguments], capture_output=True, timeout=60, check=False)
        expect(done.returncode in (1, 2) and word.encode() in done.stderr, done)


@test
def the_gateway_takes_a_payment_over_tls(stack):
    """With outbound.ca_file trusted; without it, nothing is sent."""
    keys = stack.folder / "keys"
    account = stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", "tls",
                          "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
                          "--set", f"gateway_url=https://127.0.0.1:{stack.tls_port}/gateway.do",
                          "--set", f"private_key=@{keys / 'app_private_key.pem'}",
                          "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
    payment = create(stack, account=account["id"])
    paid = settle(stack, payment)
    equal(paid["state"], "paid", "state")
    calls = stack.control("GET", f"/exchanges?order={payment['upstream_no']}")["exchanges"]
    urls = {stack.control("GET", f"/exchanges/{call['id']}")["url"].split("/gateway.do")[0] for call in calls}
    equal(urls, {f"https://127.0.0.1:{stack.tls_port}"}, "where the calls went")
    del stack.overrides["outbound.ca_file"]
    stack.gateway.stop()
    stack.start_gateway()
    count = len(stack.control("GET", "/exchanges")["exchanges"])
    answer = stack.merchant().create("W1", account=account["id"])
    expect(answer.status >= 500, answer)
    equal(len(stack.control("GET", "/exchanges")["exchanges"]), count, "calls without trust")
    stack.overrides["outbound.ca_file"] = str(stack.ca)
    stack.gateway.stop()
    stack.start_gateway()


@test
def exchanges_leave_as_an_http_archive(stack):
    payment = create(stack, account=stack.account["id"])
    settle(stack, payment)
    archive = request(stack.sandbox_port, "GET", f"/control/exchanges.har?order={payment['upstream_no']}")
    equal(archive.status, 200, "status")
    document = archive.json()
    equal(har.faults(document), [], "HAR 1.2")
    directions = [entry["_direction"] for entry in document["log"]["entries"]]
    expect(directions[0] == "call" and "notification" in directions, directions)
    for index, variant in enumerate(har.broken(document)):
        expect(har.faults(variant), f"the judge does not see fault {index}")
    whole = request(stack.sandbox_port, "GET", "/control/exchanges.har")
    equal(har.faults(whole.json()), [], "HAR 1.2 of everything")
    private = (stack.folder / "keys" / "app_private_key.pem").read_text().splitlines()[1]
    expect(private not in whole.body.decode(), "a private key is in the archive")


@test
def a_recording_answers_the_gateway_without_the_state_that_made_it(stack):
    tape = stack.folder / "day.jsonl"
    stack.sandbox.stop()
    sandbox_up(stack, "--record", tape)
    first = create(stack, account=stack.account["id"], amount=1234)
    settle(stack, first)
    stack.sandbox.stop()
    lines = [json.loads(line) for line in tape.read_text(encoding="utf-8").splitlines()]
    equal([line["kind"] for line in lines][:2], ["recording", "call"], "lines")
    expect(any(line["kind"] == "notification" for line in lines), "no notification was recorded")
    equal(os.stat(tape).st_mode & 0o777, 0o600, "mode")
    sandbox_up(stack, "--replay", tape)
    again = create(stack, account=stack.account["id"], amount=1234)
    expect(again["upstream_no"] != first["upstream_no"], "the number of the first order came back")
    equal(again["action"]["value"], first["action"]["value"], "the recorded code")
    refused = stack.merchant().create("W2", account=stack.account["id"], amount=4321)
    expect(refused.status != 201, refused)
    seen = stack.control("GET", "/exchanges")["exchanges"]
    equal([call["sub_code"] for call in seen if call["sub_code"]][:1], ["SANDBOX.NOT_RECORDED"], "what was not recorded")
    equal(len([call for call in seen if call["code"] == "10000"]), 1, "answered from the recording")
    stack.sandbox.stop()
    tape.write_text('{"kind":"recording","version":1}\n{"kind":', encoding="utf-8")
    done = subprocess.run([str(stack.till), "sandbox", "--listen", "127.0.0.1:0", "--replay", str(tape)], capture_output=True, timeout=60, check=False)
    expect(done.returncode == 1 and b"Line 2 of the recording" in done.stderr, done)
    sandbox_up(stack)


def run_har(stack, text, *arguments):
    return subprocess.run([str(stack.till), "har", *arguments], input=text, capture_output=True, timeout=60, check=False)


@test
def the_gateways_debug_log_becomes_an_archive_and_a_recording(stack):
    """R11. Both directions are there, nothing that was redacted comes back, other lines are passed over."""
    payment = create(stack, account=stack.account["id"], amount=777)
    settle(stack, payment)
    log = (stack.folder / "till.log").read_bytes()
    done = run_har(stack, b"not a line of ours\n" + log, "--base", "https://pay.test")
    equal(done.returncode, 0, done.stderr)
    document = json.loads(done.stdout)
    document["log"]["entries"].sort(key=lambda entry: entry["startedDateTime"])  # the log's order is that of the ends
    equal(har.faults(document), [], "HAR 1.2")
    directions = {entry["_direction"] for entry in document["log"]["entries"]}
    expect({"api", "upstream", "notify"} <= directions, directions)
    urls = [entry["request"]["url"] for entry in document["log"]["entries"] if entry["_direction"] == "api"]
    expect(all(url.startswith("https://pay.test/") for url in urls), urls)
    for secret in (stack.key["secret"], (stack.folder / "keys" / "app_private_key.pem").read_text().splitlines()[1]):
        expect(secret.encode() not in done.stdout, "a secret is in the archive")
    tape = run_har(stack, log, "--recording")
    lines = [json.loads(line) for line in tape.stdout.splitlines()]
    orders = [line for line in lines if line.get("method") == "alipay.trade.precreate" and line["business"]["total_amount"] == "7.77"]
    expect(orders and '"qr_code":"' in orders[0]["answer"]["body"], lines)
    path = stack.folder / "gateway.jsonl"
    path.write_bytes(tape.stdout)
    stack.sandbox.stop()
    sandbox_up(stack, "--replay", path)
    again = create(stack, account=stack.account["id"], amount=777)
    equal(again["action"]["value"], payment["action"]["value"], "the code of the recorded order")
    stack.sandbox.stop()
    sandbox_up(stack)
    empty = run_har(stack, b"{}\n")
    expect(empty.returncode == 1 and b"log.debug" in empty.stderr, empty)
    bad = run_har(stack, b'{}\n{"event":"exchange","time":"yesterday"}\n')
    expect(bad.returncode == 1 and b"Line 2 of the log" in bad.stderr, bad)


INSIDE = r"""
set -e
ip link set lo up 2>/dev/null || python3 -c 'import fcntl,socket,struct
s=socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))'
printf '127.0.0.1 localhost openapi.alipay.com\n' > "$FOLDER/hosts"
mount --bind "$FOLDER/hosts" /etc/hosts
"$TILL" sandbox --listen 127.0.0.1:80 --tls-listen 127.0.0.1:443 --ca "$FOLDER/inside.pem" > "$FOLDER/inside.log" 2>&1 &
child=$!
for i in $(seq 600); do grep -q 'is open at' "$FOLDER/inside.log" && break; sleep 0.1; done
"$@"
kill $child
wait $child
"""


@test
def a_hosts_file_of_its_own_leads_an_unmodified_client_here(stack):
    """What doc/SANDBOX.md says about names in a private mount and network namespace, word for word."""
    client = ("import ssl, sys, urllib.request; "
              "print(urllib.request.urlopen('https://openapi.alipay.com/gateway.do?method=x', "
              "context=ssl.create_default_context(cafile=sys.argv[1])).read().decode())")
    folder = stack.folder / "inside"
    folder.mkdir()
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", INSIDE, "sh", sys.executable, "-c", client, str(folder / "inside.pem")],
                          env={**os.environ, "FOLDER": str(folder), "TILL": str(stack.till)}, capture_output=True, timeout=120, check=False)
    expect(done.returncode == 0 and b"isv.invalid-method" in done.stdout, f"{done} {Path(folder, 'inside.log').read_text()}")


@test
def an_open_tunnel_does_not_hold_up_the_end(stack):
    with connect(stack.proxy_port) as peer:
        peer.sendall(b"CONNECT openapi.alipay.com:443 HTTP/1.1\r\n\r\n")
        expect(peer.recv(100).startswith(b"HTTP/1.1 200 "), "no tunnel")
        equal(stack.sandbox.stop(signal.SIGTERM, 20), 0, "exit")
        try:
            equal(peer.recv(100), b"", "the tunnel after the end")
        except ConnectionResetError:
            pass
    expect(socket.socket().connect_ex(("127.0.0.1", stack.proxy_port)) != 0, "the proxy listens after the end")
    sandbox_up(stack)


main(setup)
