"""When two answers are the same, and which differences are known, with the words of docs/differences.md for each."""

import dataclasses
import fnmatch
import json
import re
from collections.abc import Callable

SEMVER = re.compile(r"^\d+\.\d+\.\d+")
ULID = re.compile(r"^[0-9A-HJKMNP-TV-Z]{26}$")


@dataclasses.dataclass
class Known:
    """A difference that is meant: `where` (`part/name`) and `path` are globs, `words` stand in docs/differences.md."""

    where: str
    path: str
    words: str
    #: Of the two values, if not every difference there is meant.
    when: Callable[[object, object], bool] = lambda a, b: True
    used: bool = False


def normal(value, key=""):
    """`value` without what differs from call to call, each such thing replaced by what was checked of it."""
    if isinstance(value, dict):
        value = {k: normal(v, k) for k, v in value.items()}
        # Nor is there an order, or nesting, among what `and` and `or` join: there it changes from call to call.
        if value.get("operator") in ("and", "or") and isinstance(value.get("operands"), list):
            joined = []
            for operand in value["operands"]:
                inner = operand.get("expression", operand) if isinstance(operand, dict) else {}
                same = inner.get("operator") == value["operator"]
                joined += inner["operands"] if same else [operand]
            value["operands"] = sorted(joined, key=lambda v: json.dumps(v, sort_keys=True))
        return value
    if isinstance(value, list):
        items = [normal(v) for v in value]
        # Sets, in a list by chance: the reference's order changes from start to start.
        if key in ("effectiveDerivedRoles", "validationErrors"):
            items.sort(key=lambda v: json.dumps(v, sort_keys=True))
        # The reference gives the output of a rule with several derived roles once or twice, by chance (D9).
        if key == "outputs":
            items = [v for i, v in enumerate(items) if v not in items[:i]]
        return items
    if key in ("cerbosCallId", "cerbos_call_id") and isinstance(value, str) and ULID.match(value):
        return "<a call id>"
    if key in ("version", "cerbos-version", "grpc-metadata-cerbos-version") and isinstance(value, str) and SEMVER.match(value):
        return "<a version>"
    if key in ("commit", "buildDate", "build_date") and value:
        return f"<a {key}>"
    if key in ("filterDebug", "filter_debug", "conditionString"):
        return sorted_expression(value)
    if isinstance(value, str):
        # The reference writes some blanks of its messages as no-break spaces, chosen anew for each build.
        return value.replace("\u00a0", " ")
    return value


def sorted_expression(text):
    """An s-expression with the operands of `and` and `or` in one order."""
    if not isinstance(text, str) or not text.startswith("("):
        return text
    stack = [[]]  # of lists: an operator and its operands, each an operator with its own, or a text
    for token in re.findall(r'[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+', text):
        if token == "(":
            stack.append([])
        elif token == ")":
            whole = stack.pop()
            if whole[:1] in (["and"], ["or"]):
                joined = []
                for operand in whole[1:]:
                    joined += operand[1:] if isinstance(operand, list) and operand[:1] == whole[:1] else [operand]
                whole = whole[:1] + sorted(joined, key=json.dumps)
            stack[-1].append(whole)
        else:
            stack[-1].append(token)
    return stack[0]


def differences(a, b, path=""):
    """Where `a` and `b` differ: (path, left, right)."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if key not in a or key not in b:
                yield f"{path}.{key}", a.get(key, "<absent>"), b.get(key, "<absent>")
            else:
                yield from differences(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}[{i}]")
    elif a != b or type(a) is not type(b):
        yield path, a, b


class Tally:
    """What was compared, by part, for the table at the end."""

    def __init__(self, known, documented):
        self.known = known
        self.parts = {}
        self.failures = []
        for k in known:
            if k.words not in documented:
                self.failures.append(f"docs/differences.md does not have the words of {k.where} {k.path}: {k.words}")

    def add(self, part, name, cerbos, toolgate):
        """Compares one pair of answers."""
        row = self.parts.setdefault(part, {"asked": 0, "equal": 0, "known": 0, "different": 0})
        row["asked"] += 1
        found, excused = [], 0
        for path, a, b in differences(normal(cerbos), normal(toolgate)):
            for k in self.known:
                if fnmatch.fnmatchcase(f"{part}/{name}", k.where) and fnmatch.fnmatchcase(path, k.path) and k.when(a, b):
                    k.used, excused = True, excused + 1
                    break
            else:
                found.append(f"    {path}\n      cerbos:   {show(a)}\n      toolgate: {show(b)}")
        if found:
            row["different"] += 1
            self.failures.append(f"{part}: {name}\n" + "\n".join(found))
        else:
            row["known" if excused else "equal"] += 1

    def claim(self, part, name, fault=None):
        """Counts something that was not compared but must hold; `fault` says what did not."""
        row = self.parts.setdefault(part, {"asked": 0, "equal": 0, "known": 0, "different": 0})
        row["asked"] += 1
        row["different" if fault else "equal"] += 1
        if fault:
            self.failures.append(f"{part}: {name}\n    {fault}")

    def all(self, part, cerbos, toolgate):
        """Compares two objects of answers by name."""
        if not cerbos:
            self.failures.append(f"{part}: no answers")
        for name in cerbos.keys() | toolgate.keys():
            self.add(part, name, cerbos.get(name, "<absent>"), toolgate.get(name, "<absent>"))

    def table(self):
        width = max(map(len, self.parts))
        yield f"{'':{width}}  asked  equal  known  different"
        total = {}
        for part, row in self.parts.items():
            yield f"{part:{width}}  {row['asked']:5}  {row['equal']:5}  {row['known']:5}  {row['different']:9}"
            total = {k: total.get(k, 0) + v for k, v in row.items()}
        yield f"{'all':{width}}  {total['asked']:5}  {total['equal']:5}  {total['known']:5}  {total['different']:9}"


def show(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 400 else text[:400] + "…"
