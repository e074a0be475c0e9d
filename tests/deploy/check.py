"""What must hold of rendered manifests beyond their schema. Usage: check.py MANIFESTS TOOLGATE POLICIES"""

import pathlib
import subprocess
import sys
import tempfile

import yaml

manifests, toolgate, policies = sys.argv[1:]
documents = [d for d in yaml.safe_load_all(pathlib.Path(manifests).read_text()) if d]
names = {(d["kind"], d["metadata"]["name"]) for d in documents}
checked = {"containers": 0, "configurations": 0}


def demand(holds, what):
    if not holds:
        sys.exit(f"{manifests}: {what}")


def confined(container):
    context = container["securityContext"]
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 65532}
    for key, value in wanted.items():
        demand(context.get(key) == value, f"{container['name']}: securityContext.{key} is not {value}")
    demand(context["capabilities"] == {"drop": ["ALL"]}, f"{container['name']}: capabilities are kept")
    demand("memory" in container["resources"]["limits"], f"{container['name']}: memory has no limit")
    checked["containers"] += 1


for document in documents:
    if document["kind"] in ("Deployment", "DaemonSet"):
        spec = document["spec"]["template"]["spec"]
        labels = document["spec"]["template"]["metadata"]["labels"]
        demand(document["spec"]["selector"]["matchLabels"].items() <= labels.items(), "the selector selects other pods")
        demand(spec["automountServiceAccountToken"] is False, "a token of the cluster is mounted")
        volumes = {v["name"] for v in spec["volumes"]}
        ours = [c for c in spec["containers"] + spec.get("initContainers", []) if c["name"] != "gateway"]
        for container in ours:
            confined(container)
            mounts = {m["name"] for m in container["volumeMounts"]}
            demand(mounts <= volumes, f"{container['name']}: mounts {mounts - volumes}, which are no volumes")
        pdp = next(c for c in ours if c["name"] == "toolgate")
        writable = {m["name"] for m in pdp["volumeMounts"] if not m.get("readOnly")}
        demand(writable == volumes & {"audit"}, f"the PDP may write to {writable}")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            demand("healthcheck" in pdp[probe]["exec"]["command"], f"no {probe}")
        for volume in spec["volumes"]:
            if name := volume.get("configMap", {}).get("name"):
                demand(("ConfigMap", name) in names, f"the ConfigMap {name} is not there")
    if document["kind"] == "ConfigMap" and "config.yaml" in document["data"]:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(document["data"]["config.yaml"])
            file.flush()
            command = [toolgate, "lint", "--config", file.name, "--set", f"storage.disk.directory={policies}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        audited = (yaml.safe_load(document["data"]["config.yaml"]).get("audit") or {}).get("file", {}).get("path", "/audit/")
        demand(audited.startswith("/audit/"), f"the audit log {audited} is where nothing can be written")
        demand(done.returncode == 0, f"Toolgate does not take the configuration:\n{done.stdout}{done.stderr}")
        checked["configurations"] += 1
demand(all(checked.values()), f"nothing was checked: {checked}")
