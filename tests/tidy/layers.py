# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (DESIGN section 2), and which folder wraps which library."""
import re
from pathlib import Path

# folder -> prefixes it may include
MAY = {
    "include/till": ["till/"],
    "lib/base": ["till/", "lib/base/"],
    "lib/crypto": ["till/", "lib/base/", "lib/crypto/"],
    "lib/payment": ["till/", "lib/base/", "lib/payment/"],
    "lib/channel": ["till/", "lib/"],
    "rt": ["till/", "rt/"],
    "gateway/store": ["till/", "rt/", "gateway/store/"],
    "gateway/guard": ["till/", "rt/", "gateway/store/", "gateway/guard/", "gateway/gateway.h", "gateway/settings.h",
                      "gateway/limits.def"],
    "gateway/flow": ["till/", "rt/", "gateway/store/", "gateway/guard/", "gateway/flow/", "gateway/gateway.h",
                     "gateway/settings.h"],
    # The auditor judges the store: it must not know how the store does it (ADR 020).
    "gateway/audit": ["till/", "gateway/audit/"],
    "gateway": ["till/", "rt/", "gateway/"],
    "sandbox": ["till/", "rt/", "sandbox/", "lib/channel/gbk.h"],
    "shop": ["till/", "rt/", "shop/"],
    "cli": ["till/", "rt/", "gateway/", "sandbox/", "shop/", "cli/"],
}
# Inside of gateway/store only these headers are for the others.
STORE_DOORS = ("gateway/store/routing.h", "gateway/store/store.h", "gateway/store/attempts.h", "gateway/store/bills.h",
               "gateway/store/discrepancies.h", "gateway/store/reconciles.h",
               "gateway/store/rotation.h", "gateway/store/reseal.h", "gateway/store/changes.h",
               "gateway/store/clients.h",
               "gateway/store/app_limits.h", "gateway/store/history.h", "gateway/store/lists.h",
               "gateway/store/acts.h", "gateway/store/effects.h")
VENDOR = {
    "openssl/": ["lib/crypto"],
    "jansson.h": ["lib/base"],
    "microhttpd.h": ["rt"],
    "curl/": ["rt"],
    "cyaml/": ["rt"],
    "yaml.h": ["rt"],
    "sqlite3.h": ["gateway/store", "gateway/audit"],
    "zip.h": ["rt"],
    "zlib.h": ["rt"],
    "qrencode.h": ["rt"],
}
# libtill and flows do nothing that an operating system would have to help with.
SYSTEM_FREE = ["include/till", "lib", "gateway/flow"]
SYSTEM_HEADERS = re.compile(
    r"^(unistd|fcntl|poll|pthread|threads|signal|time|dirent|netdb|dlfcn|sched|syslog|sys/.*|netinet/.*|arpa/.*|linux/.*)\.h$")
QUOTED_SQL = re.compile(r'"\s*(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|BEGIN\s+IMMEDIATE|PRAGMA\s)')
WRITING_SQL = re.compile(r'"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|VACUUM|ATTACH)\s')
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)


def folder_of(path):
    """The longest known folder that holds path."""
    best = None
    for folder in MAY:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def judge(path, text):
    """All walls that this file breaks, as sentences."""
    folder = folder_of(path)
    if folder is None:
        return []
    found = []
    for include in INCLUDE.findall(text):
        ours = include.split("/")[0] in ("till", "lib", "rt", "gateway", "sandbox", "shop", "cli", "tests")
        if ours and not any(include == allowed or (allowed.endswith("/") and include.startswith(allowed))
                            for allowed in MAY[folder]):
            found.append(f"{path} includes {include}: {folder} may not know of it")
        if include.startswith("gateway/store/") and include not in STORE_DOORS and folder != "gateway/store":
            found.append(f"{path} includes {include}: the store's only doors are {' and '.join(STORE_DOORS)}")
        for vendor, homes in VENDOR.items():
            if include.startswith(vendor) and not any(path.startswith(home + "/") for home in homes):
                found.append(f"{path} includes {include}: only {' and '.join(homes)} may wrap it")
        if any(path.startswith(free + "/") for free in SYSTEM_FREE) and SYSTEM_HEADERS.match(include):
            found.append(f"{path} includes {include}: no operating-system call in {folder}")
    if not path.startswith(("gateway/store/", "gateway/audit/")) and QUOTED_SQL.search(text):
        found.append(f"{path} contains SQL: only gateway/store may, and gateway/audit to read")
    if path.startswith("gateway/audit/") and WRITING_SQL.search(text):
        found.append(f"{path} writes: the auditor only reads")
    if path.startswith(("gateway/", "rt/", "lib/")):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
        for number, line in enumerate(code.splitlines(), 1):
            # The platform's own test address is data for people, not a branch.
            if "sandbox" in line.lower().replace("openapi-sandbox.dl.alipaydev.com", ""):
                found.append(f"{path}:{number} speaks of the sandbox: no branch may know of it")
    return found


def check(root):
    found = []
    for folder in ("include", "lib", "rt", "gateway", "sandbox", "shop", "cli"):
        for path in sorted(Path(root, folder).rglob("*.[ch]")):
            found += judge(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    return found


BROKEN = [
    ("lib/base/x.c", '#include <rt/world.h>\n', "may not know"),
    ("rt/x.c", '#include <gateway/gateway.h>\n', "may not know"),
    ("sandbox/x.c", '#include <gateway/gateway.h>\n', "may not know"),
    ("gateway/store/x.c", '#include <gateway/flow/flow.h>\n', "may not know"),
    ("gateway/flow/x.c", '#include <gateway/api/api.h>\n', "may not know"),
    ("gateway/flow/x.c", '#include <gateway/store/connection.h>\n', "only doors"),
    ("gateway/api/x.c", '#include <openssl/evp.h>\n', "may wrap"),
    ("gateway/flow/x.c", '#include <unistd.h>\n', "operating-system"),
    ("gateway/api/x.c", 'f("SELECT 1");\n', "SQL"),
    ("gateway/flow/x.c", 'if (is_sandbox) {\n', "sandbox"),
    ("gateway/audit/x.c", '#include <gateway/store/store.h>\n', "may not know"),
    ("gateway/audit/x.c", '#include <rt/world.h>\n', "may not know"),
    ("gateway/audit/x.c", 'f("DELETE FROM ledger");\n', "only reads"),
]
WHOLE = [
    ("gateway/flow/x.c", '#include <gateway/flow/flow.h>\n#include <gateway/store/store.h>\n#include <string.h>\n'),
    ("gateway/store/x.c", '#include <sqlite3.h>\n#include <rt/world.h>\n'),
    ("gateway/audit/x.c", '#include <sqlite3.h>\nf("SELECT 1");\n'),
    ("cli/x.c", '#include <sandbox/sandbox.h>\n#include <gateway/gateway.h>\n'),
]
