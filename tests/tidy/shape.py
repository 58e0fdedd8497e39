# SPDX-License-Identifier: Apache-2.0
"""File and function length, nesting, banned calls, leftovers, licence lines."""
import re
from pathlib import Path

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
NESTING_MAX = 4  # STYLE aims at 3; a loop inside of a switch needs one more
BANNED_CALLS = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|localtime|gmtime|"
                          r"ctime|asctime|rand|srand|alloca|system|tmpnam|mktemp|scanf|sscanf|strtod|strtof)\s*\(")
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented", re.I)
FLOAT_MONEY = re.compile(r"\b(double|float)\b")
# Where floating point may not even be mentioned.
MONEY = ("lib/", "include/", "gateway/store/", "gateway/flow/")


def without_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def functions(text):
    """(name, first line, lines, deepest nesting) of each function; relies on clang-format's layout."""
    lines = without_comments_and_strings(text).splitlines()
    start = None
    for number, line in enumerate(lines):
        if start is None:
            if line.startswith("}") or not line.endswith("{") or line.startswith((" ", "\t", "#")) and "(" not in line:
                continue
            head = line
            first = number
            while "(" not in head and first > 0 or (head.count(")") > head.count("(") and first > 0):
                first -= 1
                head = lines[first] + " " + head
            match = re.search(r"([A-Za-z_]\w*)\s*\(", head)
            if head.lstrip().startswith("#") or head.rstrip().endswith("= {"):
                continue
            if not match or re.match(r"\s*(struct|enum|union|static const|const|typedef)\b[^(]*=", head) or "=" in head.split("(")[0]:
                continue
            if re.match(r"(extern|struct \w+ \{|enum \w+ \{)", head) and ")" not in head:
                continue
            start, name, depth, deepest = first, match.group(1), 1, 1
            continue
        depth += line.count("{") - line.count("}")
        deepest = max(deepest, depth)
        if depth <= 0:
            yield name, start + 1, number - start + 1, deepest - 1
            start = None


def judge(path, text):
    found = []
    if not text.startswith("/* SPDX-License-Identifier: Apache-2.0 */"):
        found.append(f"{path}: the first line must be the SPDX line")
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        found.append(f"{path}: {lines} lines, at most {FILE_LINES_MAX}: split it by concern")
    code = without_comments_and_strings(text)
    for number, line in enumerate(code.splitlines(), 1):
        match = BANNED_CALLS.search(line)
        if match and not line.lstrip().startswith("#"):
            found.append(f"{path}:{number} calls {match.group(1)}")
        if path.startswith(MONEY) and FLOAT_MONEY.search(line):
            found.append(f"{path}:{number} uses floating point near money")
    for number, line in enumerate(text.splitlines(), 1):
        if LEFTOVER.search(line):
            found.append(f"{path}:{number} has a leftover: {line.strip()[:60]}")
    if path.endswith(".c"):
        for name, first, length, nesting in functions(text):
            if length > FUNCTION_LINES_MAX:
                found.append(f"{path}:{first} {name} has {length} lines, at most {FUNCTION_LINES_MAX}")
            if nesting > NESTING_MAX:
                found.append(f"{path}:{first} {name} nests {nesting} deep, at most {NESTING_MAX}")
    return found


def check(root):
    found = []
    for folder in ("include", "lib", "rt", "gateway", "sandbox", "shop", "cli"):
        for path in sorted(Path(root, folder).rglob("*.[ch]")):
            found += judge(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    return found


def create_flow(root):
    """gateway/flow/create.c: create_payment has at most 60 lines and nesting 2."""
    text = Path(root, "gateway/flow/create.c").read_text(encoding="utf-8")
    for name, _, length, nesting in functions(text):
        if name == "create_payment":
            if length > 60 or nesting > 2:
                return [f"create_payment has {length} lines and nests {nesting} deep; at most 60 and 2"]
            return []
    return ["create_payment was not found in gateway/flow/create.c"]


HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"
BROKEN = [
    ("lib/x.c", "int f(void) {\n    return 0;\n}\n", "SPDX"),
    ("lib/x.c", HEAD + "\n" * 700, "lines, at most"),
    ("lib/x.c", HEAD + "int f(void) {\n" + "    g();\n" * 80 + "}\n", "f has"),
    ("lib/x.c", HEAD + "int f(void) {\n if (a) {\n if (b) {\n if (c) {\n if (d) {\n if (e) {\n g();\n }\n }\n }\n }\n }\n}\n", "nests"),
    ("lib/x.c", HEAD + "int f(char *a) {\n    return sprintf(a, \"x\");\n}\n", "calls sprintf"),
    ("lib/x.c", HEAD + "/* TO" + "DO: later */\n", "leftover"),
    ("lib/x.c", HEAD + "dou" + "ble amount;\n", "floating point"),
]
WHOLE = [("lib/x.c", HEAD + "/* double trouble, \"sprintf(\" */\nint f(void) {\n    return g(\"double\");\n}\n")]
