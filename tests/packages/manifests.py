"""Checks rendered Kubernetes manifests.

usage: manifests.py KUSTOMIZE HELM SETTINGS

KUSTOMIZE and HELM are the manifests that either tool rendered. Every object must have the fields of its kind
and no other, in the oldest and the newest version of Kubernetes that are supported; the pods must have no
privileges; both renderings must run the same. The settings of the ConfigMap are written to the file SETTINGS.
"""

import sys
import tomllib

import kubernetes_validate
import yaml

# The oldest has PodDisruptionBudget's unhealthyPodEvictionPolicy.
VERSIONS = ("1.27", "1.37")
KINDS = ["ConfigMap", "Deployment", "PodDisruptionBudget", "Service"]


def fail(text):
    sys.exit(f"manifests: {text}")


def load(path):
    with open(path, encoding="utf-8") as file:
        objects = [it for it in yaml.safe_load_all(file) if it]
    by_kind = {it["kind"]: it for it in objects}
    if sorted(by_kind) != KINDS or len(objects) != len(KINDS):
        fail(f"{path}: {[it['kind'] for it in objects]} and not {KINDS}")
    return by_kind


def validate(path, manifest):
    for version in VERSIONS:
        try:
            used = kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(part) for part in error.path)
            fail(f"{path}: {manifest['kind']} in {version}: {place}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            fail(f"{path}: {error.message}")
        if used != version:
            fail(f"there is no schema for Kubernetes {version}, only for {used}")


def pod_of(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def settings_of(path, objects):
    pod = pod_of(objects)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    named = volumes["configuration"]["configMap"]["name"]
    if named != objects["ConfigMap"]["metadata"]["name"]:
        fail(f"{path}: the pod's ConfigMap is {named}, which is not there")
    return objects["ConfigMap"]["data"]["vendas.toml"]


def check(path, objects):
    """What the schemas do not demand."""
    pod = pod_of(objects)
    (container,) = pod["containers"]
    security = container["securityContext"]
    wanted = [
        # The variables of a Service named vendas would be settings that vendas does not know.
        ("enableServiceLinks", pod["enableServiceLinks"], False),
        ("automountServiceAccountToken", pod["automountServiceAccountToken"], False),
        ("runAsNonRoot", pod["securityContext"]["runAsNonRoot"], True),
        ("seccompProfile", pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}),
        ("allowPrivilegeEscalation", security["allowPrivilegeEscalation"], False),
        ("readOnlyRootFilesystem", security["readOnlyRootFilesystem"], True),
        ("capabilities", security["capabilities"], {"drop": ["ALL"]}),
    ]
    for name, found, expected in wanted:
        if found != expected:
            fail(f"{path}: {name} is {found} and not {expected}")
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = {
        "Deployment": objects["Deployment"]["spec"]["selector"]["matchLabels"],
        "PodDisruptionBudget": objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        "Service": objects["Service"]["spec"]["selector"],
    }
    for kind, selector in selectors.items():
        if not selector or not selector.items() <= labels:
            fail(f"{path}: {kind} selects {selector}, the pods have {dict(labels)}")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = tomllib.loads(settings_of(path, objects))
    listen = settings["http"]["listen"].rpartition(":")[2]
    if listen != str(ports["http"]):
        fail(f"{path}: http.listen has the port {listen}, the container {ports['http']}")
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    file = settings["database"]["password_file"]
    if not file.startswith(mounts["secrets"] + "/"):
        fail(f"{path}: database.password_file is {file}, secrets are in {mounts['secrets']}")


def workload(objects):
    """What both tools have to render alike: all but names, labels and annotations."""
    deployment = objects["Deployment"]["spec"]
    pod = pod_of(objects)
    for volume in pod["volumes"]:
        volume.get("configMap", {}).pop("name", None)
    for spread in pod["topologySpreadConstraints"]:
        spread.pop("labelSelector")
    for container in pod["containers"]:
        container.setdefault("imagePullPolicy", "IfNotPresent")
    pod.setdefault("terminationGracePeriodSeconds", 30)
    budget = dict(objects["PodDisruptionBudget"]["spec"], selector=None)
    service = dict(objects["Service"]["spec"], selector=None)
    deployment = {key: deployment[key] for key in ("replicas", "strategy")}
    settings = tomllib.loads(objects["ConfigMap"]["data"]["vendas.toml"])
    return {"deployment": deployment, "pod": pod, "budget": budget, "service": service, "settings": settings}


def main():
    paths, settings = sys.argv[1:3], sys.argv[3]
    rendered = []
    for path in paths:
        objects = load(path)
        for manifest in objects.values():
            validate(path, manifest)
        check(path, objects)
        rendered.append(objects)
    with open(settings, "w", encoding="utf-8") as file:
        file.write(settings_of(paths[0], rendered[0]))
    first, second = map(workload, rendered)
    for part, value in first.items():
        if value != second[part]:
            fail(f"the tools render another {part}:\n{yaml.dump(value)}\n---\n{yaml.dump(second[part])}")
    print(f"{len(KINDS)} objects, valid in Kubernetes {' and '.join(VERSIONS)}; both renderings run the same")


main()
