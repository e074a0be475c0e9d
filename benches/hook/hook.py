"""A hook for Codex as one would write it in Python: the standard library, the same question to the same server, and
every failure blocks. Usage: python3 hook.py SOCKET"""

import http.client
import json
import socket
import sys


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(3)
        self.sock.connect(sys.argv[1])


try:
    unix = Unix("toolgate")
    unix.request("POST", "/v1/hooks/codex", sys.stdin.buffer.read(), {"content-type": "application/json"})
    answer = unix.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}")
    json.loads(text)
    print(text, flush=True)
except BaseException as e:
    print(f"hook: {e}; the call is blocked", file=sys.stderr)
    sys.exit(2)
