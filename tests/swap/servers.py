"""Starting and stopping either server on the same configuration."""

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).parent
TLS = HERE.parent / "data" / "tls"
PASSWORD = "swap-the-binary"


class Failed(Exception):
    """Something that this run needs could not be had or did not work."""


@dataclasses.dataclass
class Stage:
    """A way to listen and to be asked: what is laid over the configuration, and what clients need."""

    name: str
    settings: tuple = ()
    unix: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    environment: dict = dataclasses.field(default_factory=dict)


def stages():
    tls = (f"server.tls.cert={TLS}/server.crt", f"server.tls.key={TLS}/server.key")
    ca = str(TLS / "ca.crt")
    return {
        "plain": Stage("plain"),
        "tls": Stage("tls", tls, ca=ca, environment={"SWAP_SCHEMA": "warn"}),
        "mtls": Stage(
            "mtls",
            (*tls, f"server.tls.caCert={TLS}/ca.crt"),
            ca=ca,
            cert=str(TLS / "client.crt"),
            key=str(TLS / "client.key"),
            environment={"SWAP_SCHEMA": "none"},
        ),
        "uds": Stage("uds", ("engine.lenientScopeSearch=true", "server.udsFileMode=0o700"), unix=True),
    }


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One running server. `product` is `cerbos` or `toolgate`."""

    def __init__(self, product, binary, scratch, stage, ports=None, policies=None, watch=False):
        self.product, self.stage = product, stage
        self.directory = scratch / f"{stage.name}-{product}-{time.monotonic_ns()}"
        self.directory.mkdir(parents=True)
        http, grpc = ports or (free_port(), free_port())
        self.ports = (http, grpc)
        if stage.unix:
            self.http_address = f"unix:{self.directory}/http.sock"
            self.grpc_address = f"unix:{self.directory}/grpc.sock"
        else:
            self.http_address, self.grpc_address = f"127.0.0.1:{http}", f"127.0.0.1:{grpc}"
        serve = {"cerbos": ["server"], "toolgate": ["serve", "--compat", "cerbos"]}[product]
        command = [str(binary), *serve, "--config", str(HERE / "config.yaml")]
        for setting in stage.settings:
            command += ["--set", setting]
        environment = {
            "SWAP_HTTP": self.http_address,
            "SWAP_GRPC": self.grpc_address,
            "SWAP_POLICIES": str(policies or HERE / "policies"),
            "SWAP_WATCH": str(watch).lower(),
            "SWAP_KEYS": str(scratch / "main.json"),
            "SWAP_OTHER_KEYS": str(scratch / "other.json"),
            "SWAP_PASSWORD_HASH": (scratch / "password").read_text(),
        }
        self.log = self.directory / "log"
        self.process = subprocess.Popen(
            command,
            env=os.environ | environment | stage.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            self.wait()
        except BaseException:
            self.process.kill()
            raise

    def curl(self, path, *arguments):
        """Arguments of curl that reach `path` over HTTP here."""
        secure = self.stage.ca is not None
        if self.stage.unix:
            head = ["--unix-socket", self.http_address.removeprefix("unix:")]
            base = "http://pdp.example"
        else:
            head, base = [], f"{'https' if secure else 'http'}://{self.http_address}"
        if secure:
            head += ["--cacert", self.stage.ca]
        if self.stage.cert:
            head += ["--cert", self.stage.cert, "--key", self.stage.key]
        return ["curl", "--silent", "--show-error", "--max-time", "20", *head, *arguments, base + path]

    def wait(self, patience=60):
        """Returns once the server says that it serves."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failed(f"{self.product} ({self.stage.name}) ended with {self.process.returncode}:\n{self.log.read_text()}")
            answer = subprocess.run(
                self.curl("/_cerbos/health", "--fail", "-o", "/dev/null"), capture_output=True, check=False
            )
            if answer.returncode == 0:
                return
            time.sleep(0.02)
        raise Failed(f"{self.product} ({self.stage.name}) is not ready after {patience} s:\n{self.log.read_text()}")

    def target(self):
        """What a client program needs to know, as a file."""
        secure = self.stage.ca is not None
        if self.stage.unix:
            http = "unix://" + self.http_address.removeprefix("unix:")
        else:
            http = f"{'https' if secure else 'http'}://{self.http_address}"
        target = {"http": http, "grpc": self.grpc_address, "password": PASSWORD}
        target |= {k: v for k in ("ca", "cert", "key") if (v := getattr(self.stage, k))}
        file = self.directory / "target.json"
        file.write_text(json.dumps(target))
        return file

    def stop(self):
        """Asks it to end, and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"{self.product} ({self.stage.name}) did not end within 40 s of SIGTERM") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
