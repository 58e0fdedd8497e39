# SPDX-License-Identifier: Apache-2.0
"""Answers held to the types that npm stripe declares: every member that is not optional is there, null only where null may be, of the kind that is said.

Reads the interfaces of one .d.ts file; what a file takes from another one is not followed."""
import functools
import re

import toolchains

HOME = toolchains.ROOT / "tests" / "node" / "node_modules" / "stripe" / "esm" / "resources"
OPEN = re.compile(r"^\s*(?:export )?(?:declare )?(interface|namespace) (\w+)(?: extends [^{]+)? \{\s*$")
ALIAS = re.compile(r"^\s*(?:export )?type (\w+) = (.+);$")
MEMBER = re.compile(r"^\s*['\"]?(\w+)['\"]?(\?)?: (.+);$")
KINDS = {"string": str, "boolean": bool, "number": (int, float)}


class Types:
    """Interfaces ("Session.AdaptivePricing": {member: (is optional, type)}) and aliases of a file."""

    def __init__(self, path):
        self.interfaces, self.aliases, self.name = {}, {}, path
        text = re.sub(r"/\*.*?\*/", "", (HOME / path).read_text(encoding="utf-8"), flags=re.S)
        scope = []
        for line in text.splitlines():
            opened, alias, member = OPEN.match(line), ALIAS.match(line), MEMBER.match(line)
            where = ".".join(name for _, name in scope)
            if opened:
                scope.append(opened.groups())
                if opened[1] == "interface":
                    self.interfaces.setdefault(".".join(name for _, name in scope), {})
            elif alias:
                self.aliases[f"{where}.{alias[1]}".lstrip(".")] = alias[2]
            elif member and scope and scope[-1][0] == "interface":
                self.interfaces[where][member[1]] = (bool(member[2]), member[3])
            elif line.strip() in ("}", "};", "}>;") and scope:
                scope.pop()
            elif line.rstrip().endswith("{"):
                scope.append(("other", "?"))

    def find(self, table, name, scope):
        """The name as it is seen from a scope: in it, or in one around it."""
        parts = scope.split(".")
        for depth in range(len(parts), -1, -1):
            full = ".".join([*parts[:depth], name])
            if full in table:
                return full
        return None

    def faults(self, value, interface, path=""):
        found = []
        for member, (optional, kind) in self.interfaces[interface].items():
            place = f"{path}.{member}"
            if member not in value:
                found += [] if optional or kind.startswith("Response<") else [f"{place} is missing"]
            else:
                found += self.mismatch(value[member], kind, interface, place)
        return found

    def mismatch(self, value, kind, scope, place):
        choices = [choice.strip() for choice in kind.split(" | ")]
        if value is None:
            return [] if "null" in choices or "any" in choices else [f"{place} is null, and is {kind}"]
        alias = self.find(self.aliases, kind, scope)
        if alias:
            return self.mismatch(value, self.aliases[alias], scope, place)
        problems = [self.against(value, choice, scope, place) for choice in choices if choice != "null"]
        return [] if any(problem == [] for problem in problems) else [line for problem in problems for line in problem][:3]

    def against(self, value, choice, scope, place):
        """[] when the value is of this choice, or when the choice is not ours to judge."""
        if choice.startswith("'"):
            return [] if value == choice.strip("'") else [f"{place} is {value!r}, not {choice}"]
        listed = re.fullmatch(r"Array<(.+)>", choice)
        if listed:
            if not isinstance(value, list):
                return [f"{place} is no list"]
            return [line for number, item in enumerate(value) for line in self.mismatch(item, listed[1], scope, f"{place}[{number}]")]
        if choice in KINDS:
            right = isinstance(value, KINDS[choice]) and (choice == "boolean" or not isinstance(value, bool))
            return [] if right else [f"{place} is {value!r}, not {choice}"]
        alias, interface = self.find(self.aliases, choice, scope), self.find(self.interfaces, choice, scope)
        if alias:
            return self.mismatch(value, self.aliases[alias], scope, place)
        if interface and isinstance(value, dict):
            return self.faults(value, interface, place)
        return [f"{place} is {value!r}, not {choice}"] if interface else []


@functools.lru_cache
def types_of(path):
    return Types(path)
