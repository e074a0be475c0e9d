"""cerbos-fastmcp as people use it: a FastMCP server with the middleware, asked over HTTP by FastMCP clients.

Usage: fastmcp_agent.py SCENARIO TARGET   (JSON in files; prints {step: answer})
"""

import asyncio
import json
import logging
import socket
import sys

from cerbos.sdk.model import Principal
from cerbos_fastmcp import CerbosAuthorizationMiddleware
from fastmcp import Client, FastMCP
from fastmcp.client.auth import BearerAuth
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from mcp import McpError

logging.disable(logging.CRITICAL)
PEOPLE = {"t-ann": ("ann", "agent"), "t-olga": ("olga", "operator"), "t-nil": ("nil", "nobody")}
CALLS = [
    ("add", {"a": 1, "b": 2}),
    ("read_note", {"path": "/notes/ann/1.md"}),
    ("read_note", {"path": "/notes/bob/1.md"}),
    ("send_mail", {"to": "x@example.com", "meta": {"tags": ["a", None, 1.5, True]}}),
    ("drop_all", {}),
    ("unknown_tool", {}),
]


def server(target):
    async def principal(token):
        return Principal(token.client_id, roles=set(token.scopes), attr={"client": token.client_id})

    mcp = FastMCP(
        "swap",
        auth=StaticTokenVerifier({t: {"client_id": who, "scopes": [role]} for t, (who, role) in PEOPLE.items()}),
        middleware=[
            CerbosAuthorizationMiddleware(
                target["grpc"], principal_builder=principal, tls_verify=target.get("ca") or False
            )
        ],
    )

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    def read_note(path: str) -> str:
        return f"note at {path}"

    @mcp.tool
    def send_mail(to: str, meta: dict) -> str:
        return f"sent to {to}"

    @mcp.tool
    def drop_all() -> str:
        return "dropped"

    @mcp.resource("notes://all")
    def notes() -> str:
        return "all notes"

    @mcp.prompt
    def greet(name: str) -> str:
        return f"Greet {name}"

    return mcp


async def attempt(awaitable):
    try:
        return await awaitable
    except McpError as e:
        return {"error": {"code": e.error.code, "message": e.error.message, "data": e.error.data}}
    except Exception as e:  # noqa: BLE001 - a tool's error is an answer, too
        return {"error": {"kind": type(e).__name__, "message": str(e)}}


async def person(url, token):
    async with Client(url, auth=BearerAuth(token)) as client:
        answers = {
            "tools": await attempt(named(client.list_tools())),
            "resources": await attempt(named(client.list_resources())),
            "prompts": await attempt(named(client.list_prompts())),
        }
        for tool, arguments in CALLS:
            answers[f"{tool} {json.dumps(arguments)}"] = await attempt(called(client, tool, arguments))
    return answers


async def named(listing):
    return [item.name for item in await listing]


async def called(client, tool, arguments):
    return (await client.call_tool(tool, arguments)).data


async def main(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = asyncio.create_task(
        server(target).run_http_async(host="127.0.0.1", port=port, show_banner=False, log_level="critical")
    )
    for _ in range(1000):
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            break
        except OSError:
            await asyncio.sleep(0.01)
    answers = {who: await person(f"http://127.0.0.1:{port}/mcp", token) for token, (who, _) in PEOPLE.items()}
    print(json.dumps(answers))
    serving.cancel()


if __name__ == "__main__":
    asyncio.run(main(json.load(open(sys.argv[2]))))
