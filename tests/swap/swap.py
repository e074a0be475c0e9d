"""Runs both servers on one configuration, asks them the same through every client, and compares the answers.

Usage: swap.py --cerbos FILE --toolgate FILE --packages DIRECTORY --scratch DIRECTORY [PART…]   (see README.md)
"""

import argparse
import asyncio
import base64
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

import bcrypt
import known
import operations
import orm
import sessions
import tokens as token_maker
from compare import Tally
from google.protobuf import json_format
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from servers import HERE, PASSWORD, Failed, Server, stages

CLIENTS = HERE / "clients"


def expand(scenario, tokens):
    """The scenario with names replaced by what they stand for."""
    people, things = scenario["principals"], scenario["resources"]

    def told(value):
        if isinstance(value, dict):
            return {k: told(v) for k, v in value.items()}
        if isinstance(value, str) and value.startswith("${token:"):
            return tokens[value[8:-1]]
        return value

    steps = []
    for step in scenario["steps"]:
        step = {k: told(v) for k, v in step.items()}
        if isinstance(step.get("principal"), str):
            step["principal"] = people[step["principal"]]
        if "resources" in step:
            step["resources"] = [[things[r] if isinstance(r, str) else r, a] for r, a in step["resources"]]
        steps.append(step)
    return {"steps": steps}


class Run:
    def __init__(self, options):
        self.options = options
        self.scratch = options.scratch
        self.packages = options.packages
        self.tokens = token_maker.make(self.scratch)
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
        (self.scratch / "password").write_text(base64.b64encode(hashed).decode())
        scenario = expand(json.loads((HERE / "scenario.json").read_text()), self.tokens)
        self.scenario = self.scratch / "scenario.json"
        self.scenario.write_text(json.dumps(scenario))
        documented = (HERE.parent.parent / "docs" / "differences.md").read_text()
        self.tally = Tally(known.KNOWN, documented)

    def binary(self, product):
        return {"cerbos": self.options.cerbos, "toolgate": self.options.toolgate}[product]

    def server(self, product, stage, **more):
        return Server(product, self.binary(product), self.scratch, stage, **more)

    def program(self, command, environment=None):
        """What a client program printed."""
        done = subprocess.run(
            [str(c) for c in command],
            capture_output=True,
            text=True,
            # One order of sets in Python: what is asked must be the same.
            env=os.environ | {"PYTHONHASHSEED": "0"} | (environment or {}),
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)

    def clients(self, stage):
        """Every client that can reach servers of this stage: its name, and what asks a server and returns answers."""
        node, python = "node", sys.executable
        files = lambda server: (self.scenario, server.target())  # noqa: E731
        trust = {"NODE_EXTRA_CA_CERTS": stage.ca} if stage.ca else {}
        yield "npm @cerbos/grpc", lambda s: self.program([node, CLIENTS / "sdk.mjs", "grpc", self.packages / "grpc", *files(s)])
        if not stage.unix and not stage.cert:
            yield "npm @cerbos/http", lambda s: self.program([node, CLIENTS / "sdk.mjs", "http", self.packages / "http", *files(s)], trust)
        for kind in ("grpc", "grpc-async", "http", "http-async"):
            # Only some clients can show a certificate.
            if not stage.cert:
                yield f"PyPI cerbos {kind}", lambda s, kind=kind: self.program([python, CLIENTS / "sdk.py", kind, *files(s)])
        # The crate asks Unix sockets for https without TLS, and refuses that itself.
        if not stage.cert and not stage.unix:
            yield "crate cerbos", lambda s: read_protobuf(self.program([self.options.rust_client, *files(s)]))
        if not stage.cert:
            yield "PyPI cerbos-fastmcp", lambda s: flat(self.program([python, CLIENTS / "fastmcp_agent.py", *files(s)]))
        if not stage.unix:
            yield "cerbosctl", lambda s: self.program([python, CLIENTS / "ctl.py", self.options.cerbosctl, *files(s)])

    def stage(self, stage, sessions_too=False):
        """Every client of a stage, against both servers at once."""
        answers = {}
        for product in ("cerbos", "toolgate"):
            with self.server(product, stage) as server:
                for name, ask in self.clients(stage):
                    answers[product, f"{stage.name}: {name}"] = ask(server)
                if sessions_too:
                    answers[product, "curl"] = sessions.by_curl(server, self.tokens)
                    answers[product, "grpcio, gRPC port"] = sessions.by_grpc(server, self.tokens, server.grpc_address)
                    answers[product, "grpcio, HTTP port"] = sessions.by_grpc(server, self.tokens, server.http_address)
        for product, part in answers:
            if product == "cerbos":
                self.tally.all(part, answers["cerbos", part], answers["toolgate", part])

    def plain(self):
        self.stage(stages()["plain"], sessions_too=True)

    def tls(self):
        self.stage(stages()["tls"])

    def mtls(self):
        """Who shows no certificate is refused; the clients that can show one are not."""
        stage = stages()["mtls"]
        self.stage(stage)
        with self.server("toolgate", stage) as server:
            anonymous = dataclasses.replace(stage, cert=None, key=None)
            server.stage = anonymous
            refused = subprocess.run(server.curl("/_cerbos/health"), capture_output=True, check=False).returncode
            self.tally.claim("mtls: curl", "without a certificate", refused == 0 and "it was answered")
            server.stage = stage

    def uds(self):
        self.stage(stages()["uds"])


    def orm(self):
        """Plans of both servers, translated by the adapters."""
        scenario = json.loads(self.scenario.read_text())
        asked = orm.for_prisma(scenario, self.scratch / "plans.json")
        answers = {}
        for product in ("cerbos", "toolgate"):
            with self.server(product, stages()["plain"]) as server:
                program = ["node", CLIENTS / "prisma.mjs", self.packages / "grpc", self.packages / "orm", asked, server.target()]
                answers[product, "npm @cerbos/orm-prisma"] = self.program(program)
                answers[product, "PyPI cerbos-sqlalchemy"] = orm.by_sqlalchemy(server, scenario)
        for product, part in answers:
            if product == "cerbos":
                self.tally.all(part, answers["cerbos", part], answers["toolgate", part])

    def operations(self):
        """Signals under load."""
        asyncio.run(operations.drained(self))
        asyncio.run(operations.killed(self))


def flat(answers):
    return {f"{who}: {what}": answer for who, of in answers.items() for what, answer in of.items()}


def read_protobuf(value):
    """Messages that a program printed as bytes, read."""
    if isinstance(value, list):
        return [read_protobuf(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "protobuf" in value:
        package, name = value["protobuf"].split(".")
        kind = Default().FindMessageTypeByName(f"cerbos.{package}.v1.{name}")
        return json_format.MessageToDict(GetMessageClass(kind).FromString(bytes.fromhex(value["bytes"])))
    return {k: read_protobuf(v) for k, v in value.items()}


PARTS = ("plain", "tls", "mtls", "uds", "orm", "operations")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cerbos", "cerbosctl", "toolgate", "rust-client", "packages", "scratch"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    options = parser.parse_args()
    run = Run(options)
    try:
        for part in options.parts or PARTS:
            began = time.monotonic()
            getattr(run, part)()
            print(f"-- {part}: {time.monotonic() - began:.0f} s", flush=True)
    except Failed as e:
        sys.exit(f"swap: {e}")
    failures = list(run.tally.failures)
    if not options.parts:
        failures += [f"a known difference was not seen: {k.where} {k.path}" for k in known.KNOWN if not k.used]
    print("\n".join(run.tally.table()))
    if failures:
        print("\n" + "\n".join(failures))
        sys.exit(f"swap: {len(failures)} of the answers differ without a reason")
    print("swap: every answer is equal, or its difference is one of docs/differences.md")


if __name__ == "__main__":
    main()
