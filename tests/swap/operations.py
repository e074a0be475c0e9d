"""What happens when a server is asked to stop, or is killed, while it is under load. Bounded, and on loopback only."""

import asyncio
import dataclasses
import os
import signal
import time

import grpc
import httpx
import rows
from cerbos.engine.v1 import engine_pb2
from cerbos.request.v1 import request_pb2
from cerbos.sdk.grpc.client import AsyncCerbosClient
from cerbos.effect.v1 import effect_pb2
from google.protobuf.json_format import ParseDict
from servers import Failed, stages

ALLOWED = rows.R
DENIED = rows.R | {"id": "d-2", "attr": {"owner": "zoe", "status": "archived", "level": 9, "tags": ["secret"]}}
PRINCIPAL = ParseDict(rows.P, engine_pb2.Principal())
ENTRIES = [
    ParseDict({"actions": ["view"], "resource": r}, request_pb2.CheckResourcesRequest.ResourceEntry())
    for r in (ALLOWED, DENIED)
]
WANTED = [effect_pb2.EFFECT_ALLOW, effect_pb2.EFFECT_DENY]


@dataclasses.dataclass
class Load:
    """What clients saw: right answers, errors, and answers that are wrong, which must never be."""

    right: int = 0
    errors: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)
    repeated: int = 0
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def saw(self, effects):
        if effects == WANTED:
            self.right += 1
        else:
            self.wrong.append(effects)


async def ask_grpc(client, load):
    """Asks without pause over gRPC until the load is over."""
    while not load.over.is_set():
        try:
            reply = await client.check_resources(PRINCIPAL, ENTRIES, "swap")
            load.saw([r.actions["view"] for r in reply.results])
        except grpc.aio.AioRpcError as e:
            load.errors.append(f"{e.code().name}: {e.details()}")
            await asyncio.sleep(0.01)


async def ask_http(client, bases, load):
    """Asks without pause over HTTP. A replica that takes no more connections is left for the other one, as a load
    balancer does, and a question that met a connection as it was closed is asked again there: HTTP/1.1 has no word by
    which a server could say beforehand that it will close. Anything else is an error."""
    body = {"principal": rows.P, "resources": [{"actions": ["view"], "resource": r} for r in (ALLOWED, DENIED)]}
    at = 0
    names = {"EFFECT_ALLOW": effect_pb2.EFFECT_ALLOW, "EFFECT_DENY": effect_pb2.EFFECT_DENY}
    while not load.over.is_set():
        try:
            reply = await client.post(bases[at] + rows.CHECK, json=body)
        except (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as e:
            if not isinstance(e, httpx.ConnectError):
                load.repeated += 1
            if at + 1 == len(bases):
                load.errors.append(repr(e))
                await asyncio.sleep(0.01)
            at = min(at + 1, len(bases) - 1)
            continue
        except httpx.HTTPError as e:
            load.errors.append(repr(e))
            await asyncio.sleep(0.01)
            continue
        if reply.status_code == 200:
            load.saw([names[r["actions"]["view"]] for r in reply.json()["results"]])
        else:
            load.errors.append(f"{reply.status_code}: {reply.text}")


async def until(condition, *loads, patience=60):
    """Waits until something was seen."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            seen = "; ".join(f"{l.right} right, wrong {l.wrong[:1]}, errors {l.errors[-1:]}" for l in loads)
            raise Failed(f"nothing new was seen for {patience} s: {seen}")
        await asyncio.sleep(0.005)


async def drained(run):
    """SIGTERM to one of two replicas under load: no request fails, and it ends with 0."""
    plain = stages()["plain"]
    with run.server("toolgate", plain) as first, run.server("toolgate", plain) as second:
        load, over_http = Load(), Load()
        # Both replicas behind one name, as a headless service gives them.
        # Without a name, this library would make one of the addresses that is no host (docs/differences.md).
        options = {"grpc.use_local_subchannel_pool": 1, "grpc.default_authority": "pdp.example"}
        replicas = f"ipv4:{first.grpc_address},{second.grpc_address}"
        clients = [AsyncCerbosClient(replicas, channel_options=options) for _ in range(4)]
        bases = [f"http://{s.http_address}" for s in (first, second)]
        async with httpx.AsyncClient(timeout=10) as http:
            tasks = [asyncio.create_task(ask_grpc(c, load)) for c in clients for _ in range(4)]
            tasks += [asyncio.create_task(ask_http(http, bases, over_http)) for _ in range(4)]
            await until(lambda: load.right > 400 and over_http.right > 100, load, over_http)
            first.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(first.process.wait, 40)
            seen = load.right, over_http.right
            await until(lambda: load.right > seen[0] + 400 and over_http.right > seen[1] + 100, load, over_http)
            load.over.set()
            over_http.over.set()
            await asyncio.gather(*tasks)
        for client in clients:
            await client.close()
    tally = run.tally
    tally.claim("SIGTERM under load", "exit code", code and f"it ended with {code}")
    for name, of in (("gRPC", load), ("HTTP", over_http)):
        tally.claim("SIGTERM under load", f"{name}: no wrong answer", of.wrong and f"{of.wrong[:3]}")
        tally.claim("SIGTERM under load", f"{name}: no failed request", of.errors and f"{len(of.errors)} of {of.right + len(of.errors)} failed: {of.errors[:3]}")
        print(f"   SIGTERM under load, {name}: {of.right} answers, {of.repeated} asked again, {len(of.errors)} failed")


async def killed(run):
    """SIGKILL under load and a restart on the same ports: right answers or errors, never a wrong one."""
    plain = stages()["plain"]
    server = run.server("toolgate", plain)
    load = Load()
    client = AsyncCerbosClient(server.grpc_address, channel_options={"grpc.initial_reconnect_backoff_ms": 20, "grpc.min_reconnect_backoff_ms": 20, "grpc.max_reconnect_backoff_ms": 100})
    tasks = [asyncio.create_task(ask_grpc(client, load)) for _ in range(8)]
    ready = []
    try:
        for _ in range(3):
            seen = load.right
            await until(lambda seen=seen: load.right > seen + 200, load)
            failed = len(load.errors)
            os.kill(server.process.pid, signal.SIGKILL)
            await asyncio.to_thread(server.process.wait)
            await until(lambda failed=failed: len(load.errors) > failed, load)
            began = time.monotonic()
            server = await asyncio.to_thread(run.server, "toolgate", plain, ports=server.ports)
            ready.append(time.monotonic() - began)
        seen = load.right
        await until(lambda: load.right > seen + 200, load)
    finally:
        load.over.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        server.stop()
    strange = [e for e in load.errors if not e.startswith("UNAVAILABLE")]
    run.tally.claim("SIGKILL under load", "no wrong answer", load.wrong and f"{load.wrong[:3]}")
    run.tally.claim("SIGKILL under load", "clients see UNAVAILABLE and nothing else", strange and f"{strange[:3]}")
    times = ", ".join(f"{1000 * t:.0f} ms" for t in ready)
    print(f"   SIGKILL under load: {load.right} right answers, {len(load.errors)} errors; from start to ready {times}")
