"""Asks Toolgate what agentgateway would ask: may this tool be called with these arguments?

pip install grpcio-tools; python3 examples/agentgateway/ask.py read_text_file '{"path": "/etc/passwd"}'
"""
import json, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
import grpc

messages, services = grpc.protos_and_services("agentgateway/ext_mcp.proto")
request = messages.McpRequest(service_names=["filesystem"], method="tools/call")
request.metadata_context.update({"sub": "alice", "roles": ["agent"], "tool": sys.argv[1]})
request.mcp_request = json.dumps({"name": sys.argv[1], "arguments": json.loads(sys.argv[2])}).encode()
with grpc.insecure_channel("127.0.0.1:3593") as channel:
    print(services.ExtMcpStub(channel).CheckRequest(request, timeout=10))
