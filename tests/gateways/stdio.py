#!/usr/bin/env python3
"""The demo of docs/gateways/demo.md: a real MCP server behind examples/mcp_gate.rs and Toolgate.

Needs: npm install @modelcontextprotocol/server-filesystem (its dist/index.js as $MCP_SERVER, with node on the path), a
built toolgate ($TOOLGATE) and example ($GATE). Traffic stays on this machine. Usage: tests/gateways/stdio.py
"""
import json, os, pathlib, shutil, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLGATE = os.environ.get("TOOLGATE", str(ROOT / "target/release/toolgate"))
GATE = os.environ.get("GATE", str(ROOT / "target/release/examples/mcp_gate"))
SERVER = os.environ.get("MCP_SERVER") or sys.exit("no $MCP_SERVER: npm install @modelcontextprotocol/server-filesystem")


def until(what, ready):
    for _ in range(600):
        if ready():
            return
        time.sleep(0.05)
    sys.exit(f"never happened: {what}")


class Session:
    """An MCP client over the stdio of a gate."""

    def __init__(self, work, role="agent", pdp=None):
        gate = [GATE, "--pdp", pdp or f"unix:{work}/http.sock", "--server", "filesystem", "--id", "alice", "--role", role]
        self.process = subprocess.Popen([*gate, "--", "node", SERVER, str(work / "workspace")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.id = 0
        self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "demo", "version": "1"}})
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def send(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def answer(self, id):
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == id and "method" not in message:
                return message
        sys.exit("the gate has gone")

    def request(self, method, params=None):
        self.id += 1
        message = {"jsonrpc": "2.0", "id": self.id, "method": method, **({"params": params} if params is not None else {})}
        self.send(json.dumps(message).encode())
        return self.answer(self.id)

    def call(self, name, arguments):
        return self.request("tools/call", {"name": name, "arguments": arguments})

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="toolgate-demo-")).resolve()
    workspace = work / "workspace"
    workspace.mkdir()
    (workspace / "notes.md").write_text("hello\n")
    shutil.copytree(ROOT / "policies", work / "policies")
    constants = work / "policies/constants.yaml"
    constants.write_text(constants.read_text().replace("/workspace", str(workspace)))
    serve = [TOOLGATE, "serve", work / "policies", "--log-level", "warn", "--set",
             f"server.httpListenAddr=unix:{work}/http.sock,server.grpcListenAddr=unix:{work}/grpc.sock,"
             f"audit.enabled=true,audit.backend=file,audit.file.path={work}/audit.log"]
    toolgate = subprocess.Popen(serve)
    passed = 0

    def check(what, seen, *parts):
        nonlocal passed
        text = json.dumps(seen)
        missing = [part for part in parts if part not in text]
        if missing:
            sys.exit(f"{what}: {missing} is not in {text}")
        passed += 1
        print(f"ok  {what}: {text[:230]}")

    try:
        until("toolgate listens", lambda: (work / "http.sock").exists())
        session = Session(work)
        check("an allowed call", session.call("read_text_file", {"path": str(workspace / "notes.md")}), '"result"', "hello")
        check("a denied call", session.call("read_text_file", {"path": "/etc/passwd"}), "-32001", "Reading is possible below")
        check("a way out", session.call("read_text_file", {"path": f"{workspace}/../../etc/passwd"}), "-32001", "without . or ..")
        session.send(b'{"jsonrpc":"2.0","id":90,"method":"tools/call","params":{"name":"read_text_file","Name":"write_file","arguments":{}}}')
        check("a smuggled name", session.answer(None), "-32600", "is not `name`")
        session.send(b'{"jsonrpc":"2.0","id":91,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"a","path":"b"}}}')
        check("a duplicate member", session.answer(None), "-32600", "duplicate")
        check("another method", session.request("resources/read", {"uri": "file:///etc/passwd"}), "-32001")
        listed = {tool["name"] for tool in session.request("tools/list")["result"]["tools"]}
        check("a list of what an agent could call", sorted(listed), "read_text_file", "write_file")
        session.close()

        stranger = Session(work, role="visitor")
        none = [tool["name"] for tool in stranger.request("tools/list")["result"]["tools"]]
        if none:
            sys.exit(f"a visitor is shown {none}")
        check("a list of what a visitor could call", none, "[]")
        check("what is not shown is denied", stranger.call("list_allowed_directories", {}), "-32001")
        stranger.close()

        lonely = Session(work, pdp=f"unix:{work}/nobody.sock")
        check("no Toolgate, no call", lonely.call("read_text_file", {"path": str(workspace / "notes.md")}), "-32603", "no decision")
        check("nor a list", lonely.request("tools/list"), "-32603")
        lonely.close()

        # What was decided stands in the audit log once the server is down.
        toolgate.terminate()
        toolgate.wait()
        rows = [json.loads(line) for line in (work / "audit.log").read_text().splitlines()]
        decided = [row["toolgate"] for row in rows if row.get("log.kind") == "decision"]
        shown = [[row.get("verdict"), row.get("rule"), row.get("reason")] for row in decided]
        check("the audit log", shown, "read-path", "Reading is possible below", "VERDICT_ALLOW", "VERDICT_DENY")
        print(f"{passed} passed, 0 failed")
    finally:
        toolgate.terminate()
        toolgate.wait()
        shutil.rmtree(work)


main()
