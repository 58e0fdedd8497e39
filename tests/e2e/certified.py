# SPDX-License-Identifier: Apache-2.0
"""An account that moves to certificate mode, as its owner does it."""


def certify(stack, **more):
    """The platform's side of the move, then ours: a new app in certificate mode with the same key."""
    keys = stack.folder / "keys"
    wish = {"public_key": (keys / "app_public_key.pem").read_text(encoding="utf-8"), "certificate_mode": True, **more}
    made = stack.control("POST", "/apps", wish)
    words = ["account", "update", "--id", stack.account["id"], "--set", f"app_id={made['app_id']}",
             "--set", f"seller_id={made['seller_id']}", "--set", f"private_key=@{keys / 'app_private_key.pem'}",
             "--set", f"gateway_url=http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do"]
    for name in ("app_cert", "platform_cert", "root_cert"):
        (keys / name).write_text(made[name], encoding="utf-8")
        words += ["--set", f"{name}=@{keys / name}"]
    if made.get("aes_key"):
        words += ["--set", f"aes_key={made['aes_key']}"]
    stack.admin(*words)
    return made
