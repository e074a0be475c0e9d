"""Query plans of both servers, translated by the ORM adapters people use: the queries must be equal, too.

The adapters are `@cerbos/orm-prisma` (whose answer is a filter in JSON) and `cerbos-sqlalchemy` (whose answer is SQL).
"""

import json

from cerbos.engine.v1 import engine_pb2
from cerbos.sdk.grpc.client import CerbosClient
from cerbos_sqlalchemy import get_query
from google.protobuf.json_format import ParseDict
from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlalchemy.dialects import postgresql, sqlite

FIELDS = ("owner", "department", "level", "status", "created", "assignee", "protected", "tenant")
TABLE = Table("documents", MetaData(), *(Column(f, Integer if f in ("level", "protected") else String) for f in FIELDS))
COLUMNS = {f"request.resource.attr.{f}": TABLE.c[f] for f in FIELDS}


def questions(scenario):
    """The scenario's plans, and some of kinds and actions that translate whole."""
    people = {"alice": ("employee", "marketing", 4), "lena": ("legal", "legal", 9), "carol": ("contractor", "marketing", 1)}
    for who, (role, department, clearance) in people.items():
        principal = {"id": who, "roles": [role], "attr": {"department": department, "clearance": clearance}}
        for kind, actions in (("listing", ["list", "edit", "search", "publish", "all", "none"]), ("task", ["view", "delete"])):
            for action in actions:
                yield f"{who} {action} {kind}", principal, kind, action
    for step in scenario["steps"]:
        plain = step["call"] == "plan" and "auxData" not in step and not step["name"].startswith("error")
        # With several roles the reference's order changes from call to call, and with it the query.
        if plain and len(step["principal"]["roles"]) == 1:
            yield step["name"], step["principal"], step["resource"]["kind"], step.get("action") or step["actions"]


def by_sqlalchemy(server, scenario):
    """SQL by name, or the adapter's refusal."""
    answers = {}
    with CerbosClient(server.grpc_address) as client:
        for name, principal, kind, action in questions(scenario):
            plan = client.plan_resources(
                action,
                ParseDict(principal, engine_pb2.Principal()),
                engine_pb2.PlanResourcesInput.Resource(kind=kind),
            )
            try:
                query = get_query(plan, TABLE, COLUMNS)
                answers[name] = {
                    d.name: normal_sql(query.compile(dialect=d, compile_kwargs={"literal_binds": True}))
                    for d in (postgresql.dialect(), sqlite.dialect())
                }
            except (ValueError, KeyError, TypeError) as e:
                answers[name] = {"refused": f"{type(e).__name__}: {e}"}
    return answers


def normal_sql(query):
    return " ".join(str(query).split())


def for_prisma(scenario, file):
    """Writes the questions for `clients/prisma.mjs`."""
    file.write_text(json.dumps([{"name": n, "principal": p, "kind": k, "action": a} for n, p, k, a in questions(scenario)]))
    return file
