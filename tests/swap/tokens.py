"""Key sets and tokens for one run: made new each time, so that no key lies in the repository."""

import base64
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def _jwk(algorithm, key, kid):
    public = json.loads(algorithm.to_jwk(key.public_key()))
    return {k: v for k, v in public.items() if k != "key_ops"} | {"kid": kid, "alg": algorithm_name(kid), "use": "sig"}


def algorithm_name(kid):
    return "ES256" if kid.startswith("es") else "RS256"


def make(directory):
    """Writes `main.json` and `other.json` below `directory` and returns tokens by name."""
    keys = {
        "es-main": ec.generate_private_key(ec.SECP256R1()),
        "rs-main": rsa.generate_private_key(65537, 2048),
        "es-other": ec.generate_private_key(ec.SECP256R1()),
    }
    algorithms = {"es": jwt.algorithms.ECAlgorithm, "rs": jwt.algorithms.RSAAlgorithm}
    for name in ("main", "other"):
        members = [_jwk(algorithms[k[:2]], v, k) for k, v in keys.items() if k.endswith(name)]
        (directory / f"{name}.json").write_text(json.dumps({"keys": members}))
    now = int(time.time())
    claims = {
        "iss": "https://idp.example",
        "sub": "u-1",
        "aud": ["ledger", "x"],
        "tenant": "acme",
        "iat": now,
        "nbf": now - 60,
        "exp": now + 3600,
    }

    def sign(kid, **changes):
        body = {k: v for k, v in (claims | changes).items() if v is not None}
        return jwt.encode(body, keys[kid], algorithm_name(kid), {"kid": kid})

    head, body, signature = sign("es-main").split(".")
    wrong = base64.urlsafe_b64encode(bytes(b ^ 1 for b in base64.urlsafe_b64decode(signature + "=="))).decode()
    return {
        "good": sign("es-main"),
        "rsa": sign("rs-main", aud="ledger"),
        "tenant": sign("es-main", tenant="other"),
        "agent": sign("es-other", sub="agent-7", scope="read write"),
        "expired": sign("es-main", exp=now - 3600),
        "early": sign("es-main", nbf=now + 3600),
        "forged": ".".join((head, body, wrong.rstrip("="))),
    }
