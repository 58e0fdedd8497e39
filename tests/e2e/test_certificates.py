# SPDX-License-Identifier: Apache-2.0
"""An account in certificate mode and under a content key against the real sandbox: orders are paid, the platform replaces its certificate
in the middle, a person moves the account from one mode to the other, and doctor, account list and explain tell about it."""
import json
import re

from certified import certify
from tap import await_state, create, equal, expect, main, test

AES = "AAECAwQFBgcICQoLDA0ODw=="


def signing(stack):
    return stack.admin("account", "list")["data"][0]["signing"]


def pay(stack, name):
    payment = create(stack, name)
    stack.pay(payment["upstream_no"])
    return await_state(stack, payment, "paid")


def renewals(stack):
    return sum(value for name, value in stack.metrics().items() if name.startswith("till_certificate_renewals_total"))


@test
def an_account_moves_to_certificate_mode_and_is_paid(stack):
    equal(signing(stack)["mode"], "key", "before the move")
    certify(stack)
    told = signing(stack)
    equal(told["mode"], "certificate", "after the move")
    for name in ("app_cert_sn", "platform_cert_sn"):
        expect(re.fullmatch(r"[0-9a-f]{32}", told[name]), lambda: f"{name}: {told[name]}")
    expect(re.fullmatch(r"[0-9a-f]{32}(_[0-9a-f]{32})+", told["root_cert_sn"]), lambda: f"root: {told['root_cert_sn']}")
    equal(told["warnings"], [], "nothing ends soon")
    pay(stack, "C-CERT-1")


@test
def a_replaced_platform_certificate_comes_in_by_itself(stack):
    made = certify(stack)
    pay(stack, "C-ROT-1")
    before = signing(stack)["platform_cert_sn"]
    stack.control("POST", f"/apps/{made['app_id']}/rotate-platform-certificate")
    pay(stack, "C-ROT-2")
    after = signing(stack)["platform_cert_sn"]
    expect(before != after, lambda: f"still {before}")
    equal(renewals(stack), 1, "one download")
    stack.gateway.stop()
    stack.start_gateway()
    pay(stack, "C-ROT-3")
    equal(signing(stack)["platform_cert_sn"], after, "kept over a restart")


@test
def content_goes_and_comes_encrypted(stack):
    certify(stack, aes_key=AES)
    equal(signing(stack)["encrypted"], True, "the account's mode")
    pay(stack, "C-AES-1")


@test
def doctor_tells_each_certificate(stack):
    certify(stack)
    text = json.dumps(stack.admin("doctor", check=False))
    for word in ("signing cert", "app_cert", "platform_cert", "root_cert"):
        expect(word in text, lambda: f"doctor does not say {word}: {text}")


if __name__ == "__main__":
    main()
