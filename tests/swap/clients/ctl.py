"""cerbosctl, command by command. Usage: ctl.py CERBOSCTL SCENARIO TARGET   (prints {command: answer})"""

import json
import subprocess
import sys

import yaml

COMMANDS = [
    *(f"get {kind}{flags}" for kind in ("resource_policies", "principal_policies", "role_policies", "derived_roles", "export_constants", "export_variables", "schemas") for flags in ("", " --no-headers")),
    "get rp --include-disabled",
    "get rp --name=document",
    "get rp --version=20240101",
    "get rp --sort-by=version",
    "get rp --name-regexp=doc.*",
    "get rp document.yaml -ojson",
    "get rp document.yaml -oyaml",
    "get rp document.yaml document_acme_eu.yaml -oprettyjson",
    "get pp bob.yaml -ojson",
    "get rlp contractor.yaml -ojson",
    "get dr exports/roles.yaml -ojson",
    "get ec exports/constants.yaml -ojson",
    "get ev exports/variables.yaml -ojson",
    "get s document.json",
    "get rp nowhere.yaml -ojson",
    "inspect policies",
    "inspect policies --include-disabled --no-headers",
    "inspect policies -ojson",
    "inspect policies document.yaml -oyaml",
    "store reload",
    "store reload --wait",
    "store revisions purge",
    "disable policy resource.document.vdefault",
    "enable policy resource.document.vdefault",
    "delete policy resource.document.vdefault",
    "delete schema document.json",
    "audit --kind=access --tail=1 --raw",
    "version",
]


def main(binary, target):
    connection = ["--server", target["grpc"], "--username", "admin", "--password", target["password"]]
    connection += ["--ca-cert", target["ca"]] if "ca" in target else ["--plaintext"]
    if "cert" in target:
        connection += ["--client-cert", target["cert"], "--client-key", target["key"]]
    answers = {}
    for command in COMMANDS:
        answers[command] = run([binary, *connection, *command.split()])
    wrong = [w if w != target["password"] else "wrong" for w in connection]
    answers["get rp, wrong password"] = run([binary, *wrong, "get", "rp"])
    print(json.dumps(answers))


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return {"exit": done.returncode, "output": read(done.stdout, command), "error": done.stderr.splitlines()}


def read(output, command):
    """What was printed, as values where that was asked for, otherwise as lines."""
    lines = [line.rstrip() for line in output.splitlines()]
    if "-oyaml" in command:
        return list(yaml.safe_load_all(output))
    if not {"-ojson", "-oprettyjson"} & set(command):
        return lines
    values, rest = [], output.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


if __name__ == "__main__":
    main(sys.argv[1], json.load(open(sys.argv[3])))
