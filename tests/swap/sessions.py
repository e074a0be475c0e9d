"""The rows of `rows.py`: REST by curl, gRPC by grpcio with raw bytes, on both ports."""

import concurrent.futures
import json
import pathlib
import subprocess
import tempfile

import grpc
import rows
from cerbos.request.v1 import request_pb2
from cerbos.svc.v1 import svc_pb2
from google.protobuf import json_format
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

METHODS = {
    rows.CHECK: ("CheckResources", request_pb2.CheckResourcesRequest),
    rows.PLAN: ("PlanResources", request_pb2.PlanResourcesRequest),
    rows.SET: ("CheckResourceSet", request_pb2.CheckResourceSetRequest),
    rows.BATCH: ("CheckResourceBatch", request_pb2.CheckResourceBatchRequest),
}
# Headers that a client can depend on.
HEADERS = ("content-type", "vary", "grpc-", "access-control-", "x-content-type", "allow", "www-authenticate")
assert svc_pb2.DESCRIPTOR


def curl(server, method, path, headers, body, more=None):
    """One request by curl, as what a client sees of its answer."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        arguments = ["--dump-header", f"{scratch}/head", "--output", f"{scratch}/body", "--write-out", "%{http_code}"]
        arguments += ["--head"] if method == "HEAD" else ["--request", method]
        arguments += ["--path-as-is", *([more] if more else [])]
        for name, value in headers.items():
            arguments += ["--header", f"{name}: {value}" if value else f"{name}:"]
        if body is not None:
            (scratch / "sent").write_bytes(body if isinstance(body, bytes) else body.encode())
            arguments += ["--data-binary", f"@{scratch}/sent", "--header", "expect:"]
        done = subprocess.run(server.curl(path, *arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            return {"curl": done.returncode, "error": done.stderr.strip()}
        lines = (scratch / "head").read_text().splitlines()
        head = {}
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            if colon and name.lower().startswith(HEADERS):
                head[name.lower()] = sorted(set(head.get(name.lower(), []) + value.lower().split(", ")))
        head = {k: ", ".join(v) for k, v in head.items()}
        received = (scratch / "body").read_bytes() if (scratch / "body").exists() else b""
    # Where the server was asked at.
    received = received.replace(server.http_address.encode(), b"<the address>")
    if method != "HEAD" and "json" in head.get("content-type", ""):
        received = [json.loads(line) for line in received.splitlines()] if "ndjson" in head["content-type"] else json.loads(received)
    elif method == "HEAD":
        received = None
    else:
        received = received.decode()
    return {"status": int(done.stdout), "headers": head, "body": received}


def text_of(error):
    """A `google.rpc.Status` of a reply's trailers, with its details read."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            details = []
            for packed in status.details:
                kind = GetMessageClass(Default().FindMessageTypeByName(packed.TypeName()))()
                packed.Unpack(kind)
                details.append({"type": packed.TypeName()} | json_format.MessageToDict(kind))
            return {"code": status.code, "message": status.message, "details": details}
    return None


def call(channel, method, request, metadata=(), reply=None, **options):
    """One unary call with raw bytes, as what a client sees of its answer."""
    ask = channel.unary_unary(method, lambda b: b, lambda b: b)
    try:
        answer, made = ask.with_call(request, metadata=metadata, timeout=20, **options)
    except grpc.RpcError as e:
        return {"code": e.code().name, "message": e.details(), "status": text_of(e), "headers": seen(e.initial_metadata())}
    if reply is None:
        service, name = method.rsplit("/", 1)
        reply = GetMessageClass(Default().FindServiceByName(service[1:]).FindMethodByName(name).output_type)
    message = json_format.MessageToDict(reply.FromString(answer))
    return {"code": "OK", "message": message, "headers": seen(made.initial_metadata())}


def seen(metadata):
    return {k: v for k, v in metadata or () if k == "cerbos-version"}


def by_curl(server, tokens):
    """Every row that REST can say, by name."""
    wanted = [(n, "POST", path, {"content-type": "application/json"}, json.dumps(body), None) for n, path, body in rows.messages(tokens)]
    wanted += rows.texts(tokens)
    answers = {}
    # Two inspections at a time get one answer from the reference (docs/differences.md, D18).
    alone = [row for row in wanted if "/inspect" in row[2]]
    for row in alone:
        answers[row[0]] = curl(server, *row[1:])
    many = [row for row in wanted if row not in alone]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda row: curl(server, *row[1:]), many)
        return answers | dict(zip((row[0] for row in many), found, strict=True))


def by_grpc(server, tokens, address):
    """Every row that gRPC can say, by name, at `address`."""
    answers = {}
    with grpc.insecure_channel(address) as channel:
        for name, path, body in rows.messages(tokens):
            method, kind = METHODS[path]
            request = json_format.ParseDict(body, kind()).SerializeToString()
            answers[name] = call(channel, f"/cerbos.svc.v1.CerbosService/{method}", request)
        for name, method, request, metadata in rows.calls():
            from grpc_health.v1 import health_pb2

            reply = health_pb2.HealthCheckResponse if "health" in method else None
            answers[name] = call(channel, method, request, metadata, reply)
        good = json_format.ParseDict(rows.check(), request_pb2.CheckResourcesRequest()).SerializeToString()
        check = "/cerbos.svc.v1.CerbosService/CheckResources"
        answers["gzip"] = call(channel, check, good, compression=grpc.Compression.Gzip)
        answers["deflate"] = call(channel, check, good, compression=grpc.Compression.Deflate)
    return answers
