"""LiteLLM's own generic guardrail client against a running toolgate: what is allowed goes on, what is denied raises, and
so does everything that goes wrong. Needs `litellm` (tests/peers/run installs it). Usage: litellm_guardrail.py TOOLGATE"""

import asyncio
import hashlib
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from litellm._version import version
from litellm.exceptions import GuardrailRaisedException
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import GenericGuardrailAPI

KEY = "a-key-for-this-test-only"
POLICY = """
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: mcp::github
  version: default
  rules:
    - {name: reads, actions: [get_issue], effect: EFFECT_ALLOW, roles: ["team:eng"]}
    - name: writes
      actions: [create_issue]
      effect: EFFECT_ALLOW
      roles: ["team:eng"]
      condition: {match: {expr: R.attr.arguments.title != "secret"}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def function(name):
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}}}


def call(name, arguments):
    return {"id": "1", "type": "function", "index": 0, "function": {"name": name, "arguments": arguments}}


DATA = {"metadata": {"user_api_key_user_id": "alice", "user_api_key_team_alias": "eng"}}
MESSAGES = [{"role": "user", "content": "hi"}]


async def check(base):
    def guard(key=KEY, base=base):
        return GenericGuardrailAPI(api_base=base, api_key=key, guardrail_name="toolgate", event_hook="pre_mcp_call")

    async def ask(inputs, kind="request", data=DATA, guardrail=None):
        try:
            return await (guardrail or guard()).apply_guardrail(inputs=inputs, request_data=data, input_type=kind)
        except GuardrailRaisedException as e:
            return f"blocked: {e}"
        except Exception as e:
            return f"failed: {e}"

    passed = 0

    def expect(what, got, good):
        nonlocal passed
        assert good(got), f"{what}: {got}"
        passed += 1

    def blocked(got):
        return isinstance(got, str) and got.startswith("blocked: ")

    chat = {"texts": ["hi"], "structured_messages": MESSAGES, "model": "m"}
    expect("no tools", await ask(chat), lambda g: g["texts"] == ["hi"])
    tools = [function("github-get_issue"), function("github-delete_repo")]
    expect("a denied tool is taken out", await ask({**chat, "tools": tools}),
           lambda g: [t["function"]["name"] for t in g["tools"]] == ["github-get_issue"])
    expect("nothing but denied tools", await ask({**chat, "tools": tools[1:]}), blocked)
    # As LiteLLM's translation of an MCP call has it: one tool, texts, no arguments.
    mcp = {"texts": ["7"], "tools": [function("github-get_issue")]}
    expect("an MCP call that is allowed", await ask(mcp), lambda g: g["texts"] == ["7"])
    expect("an MCP call that is denied", await ask({**mcp, "tools": [function("github-delete_repo")]}), blocked)
    expect("an MCP call decided on arguments", await ask({**mcp, "tools": [function("github-create_issue")]}),
           lambda g: blocked(g) and "LiteLLM does not send them" in g)
    for title, good in [("bug", lambda g: g["texts"] == []), ("secret", blocked)]:
        made = {"texts": [], "tool_calls": [call("github-create_issue", '{"title": "%s"}' % title)]}
        expect(f"a call of the model, {title}", await ask(made, "response"), good)
    expect("a key without a user", await ask(chat, data={}), blocked)
    expect("a wrong key", await ask(chat, guardrail=guard(key="wrong")), blocked)
    nowhere = guard(base=f"http://127.0.0.1:{free_port()}")
    expect("no server", await ask(chat, guardrail=nowhere), lambda g: isinstance(g, str) and g.startswith("failed: "))
    return passed


def main():
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "policies").mkdir()
        (directory / "policies/github.yaml").write_text(POLICY)
        key = hashlib.sha256(KEY.encode()).hexdigest()
        (directory / "config.yaml").write_text(f"litellm: {{apiKeySha256: {key}, servers: [github]}}\n")
        port = free_port()
        server = subprocess.Popen(
            [sys.argv[1], "serve", directory / "policies", "--config", directory / "config.yaml", "--log-level", "error",
             "--set", f"server.httpListenAddr=127.0.0.1:{port},server.grpcListenAddr=127.0.0.1:0"])
        try:
            while True:
                assert server.poll() is None, "the server ended"
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            passed = asyncio.run(check(f"http://127.0.0.1:{port}"))
        finally:
            server.terminate()
            server.wait()
    print(f"litellm {version}: {passed} passed, 0 failed")


main()
