"""Compares the audit rows that two servers wrote for the same requests, in order of the requests.

Usage: compare.py [--without-ours] OURS REFERENCE. Prints what differs; exit code 1 if something does. `--without-ours`:
the rows of ours have come through a client that does not know our member.
What must differ is taken out first: ids, times, ports, and what docs/differences.md names (A1 to A4).
"""

import json
import sys

# Headers that the reference's gateway adds or replaces (A2).
GATEWAY = {":authority", "content-type", "content-length", "grpc-accept-encoding", "user-agent", "x-forwarded-host",
           "x-cerbos-set-by-grpc-gateway", "x-cerbos-http-remote-addr"}


def rows(path):
    """Calls in order of their ids, each with its access row and its decisions."""
    calls = {}
    with open(path) as file:
        for line in file:
            row = json.loads(line)
            calls.setdefault(row["callId"], []).append(row)
    return [calls[call] for call in sorted(calls)]


def plain(row):
    row = json.loads(json.dumps(row))
    ours = row.pop("toolgate", None)
    assert row.pop("log.logger") == "cerbos.audit"
    for key in ("callId", "timestamp"):
        assert isinstance(row.pop(key), str)
    address = row["peer"].pop("address")
    assert address == "@" or address.startswith("127.0.0.1:"), address
    if "metadata" in row:
        row["metadata"] = {k: v for k, v in row["metadata"].items() if k not in GATEWAY}
    return row, ours


def is_refused(call):
    return len(call) == 1 and call[0].get("statusCode") == 3


def same(mine, reference):
    order = lambda row: row["log.kind"]
    pairs = list(zip(sorted(mine, key=order), sorted(reference, key=order)))
    return len(mine) == len(reference) and all(plain(a)[0] == plain(b)[0] for a, b in pairs)


def without_early_refusals(ours, theirs):
    """Calls that break a rule are in ours alone (A1): a refused one that has no partner is left out."""
    kept, at = [], 0
    for call in ours:
        if is_refused(call) and not (at < len(theirs) and same(call, theirs[at])):
            continue
        kept.append(call)
        at += 1
    return kept


def main():
    without_ours = "--without-ours" in sys.argv
    ours, theirs = (rows(path) for path in sys.argv[-2:])
    ours = without_early_refusals(ours, theirs)
    bad = compared = 0
    if len(ours) != len(theirs):
        print(f"{len(ours)} calls of ours, {len(theirs)} of the reference")
        bad += 1
    for mine, reference in zip(ours, theirs):
        for row in mine:
            compared += 1
            if not without_ours and row["log.kind"] == "decision" and not row.get("toolgate", {}).get("revision"):
                print("a decision of ours without a revision")
                bad += 1
        if not same(mine, reference):
            bad += 1
            print("ours     ", *(json.dumps(plain(row)[0], sort_keys=True) for row in mine))
            print("reference", *(json.dumps(plain(row)[0], sort_keys=True) for row in reference))
    print(f"{compared} rows compared, {bad} differ")
    return 1 if bad or not compared else 0


sys.exit(main())
