"""The scenario through the Python SDK, one of its four clients.

Usage: sdk.py grpc|grpc-async|http|http-async SCENARIO TARGET   (JSON in files; prints {step: answer})
"""

import asyncio
import json
import sys

import grpc
import httpx
from cerbos.engine.v1 import engine_pb2
from cerbos.request.v1 import request_pb2
from cerbos.sdk import model
from cerbos.sdk.client import AsyncCerbosClient as AsyncHttp
from cerbos.sdk.client import CerbosClient as SyncHttp
from cerbos.sdk.grpc import client as over_grpc
from cerbos.sdk.grpc.utils import AdminCredentials
from google.protobuf.json_format import MessageToDict, ParseDict

ADMIN = {
    "ListPolicies": lambda c, r: c.list_policies(
        include_disabled=r.get("includeDisabled", False),
        name_regexp=r.get("nameRegexp"),
    ),
    "GetPolicy": lambda c, r: c.get_policy(r["ids"]),
    "ListSchemas": lambda c, r: c.list_schemas(),
    "GetSchema": lambda c, r: c.get_schema(r["ids"]),
    "ReloadStore": lambda c, r: c.reload_store(r["wait"]),
    "DisablePolicy": lambda c, r: c.disable_policy(r["ids"]),
    "EnablePolicy": lambda c, r: c.enable_policy(r["ids"]),
    "DeleteSchema": lambda c, r: c.delete_schema(r["ids"]),
}


def message(kind, value):
    return ParseDict(value, kind())


class Grpc:
    """The gRPC clients; the asynchronous ones answer with coroutines."""

    def __init__(self, target, asynchronous):
        prefix = "Async" if asynchronous else ""
        options = {"tls_verify": target["ca"]} if target.get("ca") else {}
        self.client = getattr(over_grpc, prefix + "CerbosClient")(target["grpc"], **options)
        admin = getattr(over_grpc, prefix + "CerbosAdminClient")
        self.admin = lambda password: admin(
            target["grpc"], admin_credentials=AdminCredentials("admin", password), **options
        )

    def check(self, step):
        aux = step.get("auxData")
        return self.client.check_resources(
            principal=message(engine_pb2.Principal, step["principal"]),
            resources=[
                message(request_pb2.CheckResourcesRequest.ResourceEntry, {"resource": r, "actions": a})
                for r, a in step["resources"]
            ],
            request_id=step.get("requestId", "swap"),
            aux_data=message(request_pb2.AuxData, aux) if aux else None,
        )

    def plan(self, step):
        aux = step.get("auxData")
        return self.client.plan_resources(
            step["actions"] if "actions" in step else step["action"],
            message(engine_pb2.Principal, step["principal"]),
            message(engine_pb2.PlanResourcesInput.Resource, step["resource"]),
            request_id="swap",
            aux_data=message(request_pb2.AuxData, aux) if aux else None,
        )

    def info(self, _):
        return self.client.server_info()

    def ask_admin(self, step, password):
        call = ADMIN.get(step["method"])
        return call and call(self.admin(step.get("password", password)), step["request"])

    @staticmethod
    def read(reply):
        return MessageToDict(reply)

    @staticmethod
    def error(e):
        # What a program sees of the details, too.
        from grpc_status import rpc_status

        status = None if isinstance(e, grpc.aio.AioRpcError) else rpc_status.from_call(e)
        details = [MessageToDict(d)["@type"] for d in status.details] if status else None
        return {"code": e.code().name, "message": e.details(), "details": details}


class Http:
    """The HTTP clients, whose answers are data classes."""

    def __init__(self, target, asynchronous):
        kind = AsyncHttp if asynchronous else SyncHttp
        self.client = kind(target["http"], tls_verify=target.get("ca") or True, timeout_secs=10)

    @staticmethod
    def principal(p):
        return model.Principal.from_dict(p | {"roles": list(p["roles"])})

    @staticmethod
    def aux(step):
        aux = step.get("auxData")
        return model.AuxData.from_dict(aux) if aux else None

    def check(self, step):
        resources = model.ResourceList([])
        for r, actions in step["resources"]:
            resources.resources.append(model.ResourceAction(model.Resource.from_dict(r), list(actions)))
        return self.client.check_resources(
            self.principal(step["principal"]), resources, step.get("requestId", "swap"), self.aux(step)
        )

    def plan(self, step):
        return self.client.plan_resources(
            step["actions"] if "actions" in step else step["action"],
            self.principal(step["principal"]),
            model.ResourceDesc.from_dict(step["resource"]),
            "swap",
            self.aux(step),
        )

    def health(self, step):
        return self.client.is_healthy(step.get("service"))

    @staticmethod
    def read(reply):
        return reply if isinstance(reply, bool) else reply.to_dict()

    @staticmethod
    def error(e):
        return {"message": str(e)}


async def main(kind, scenario, target):
    asynchronous = kind.endswith("-async")
    sdk = (Grpc if kind.startswith("grpc") else Http)(target, asynchronous)
    answers = {}
    for step in scenario["steps"]:
        call = getattr(sdk, step["call"], None)
        if step["call"] == "admin":
            call = getattr(sdk, "ask_admin", None) and (lambda s: sdk.ask_admin(s, target["password"]))
        if call is None:
            continue  # This client has no such call.
        try:
            reply = call(step)
            if reply is None:
                continue
            answers[step["name"]] = sdk.read(await reply if asynchronous else reply)
        except (grpc.RpcError, httpx.HTTPError) as e:
            answers[step["name"]] = {"error": sdk.error(e)}
        except KeyError as e:
            # The HTTP clients cannot read an output without a value, whoever sends it.
            answers[step["name"]] = {"raised": f"KeyError: {e}"}
    print(json.dumps(answers))


if __name__ == "__main__":
    kind, *files = sys.argv[1:]
    scenario, target = (json.load(open(f)) for f in files)
    asyncio.run(main(kind, scenario, target))
