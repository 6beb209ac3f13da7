"""Holds what the chart renders against the schemas of Kubernetes, unknown members refused, and
against custom resource definitions where a folder of them is named in POSTHASTE_CRDS."""

import os
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37"
CUSTOM = ("keda.sh", "rabbitmq.com", "monitoring.coreos.com", "external-secrets.io")


def definitions():
    """The schemas of custom resources, by version and kind."""
    found = {}
    folder = os.environ.get("POSTHASTE_CRDS")
    for path in sorted(pathlib.Path(folder).glob("*.yaml")) if folder else []:
        for crd in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if not crd or crd["kind"] != "CustomResourceDefinition":
                continue
            spec = crd["spec"]
            for version in spec["versions"]:
                name = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                if version["served"]:
                    found[name] = strict(version["schema"]["openAPIV3Schema"])
    return found


def strict(schema):
    """The schema with unknown members refused, and with what OpenAPI writes in its own way."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {}
    known = {key: strict(part) for key, part in schema.items()}
    is_open = "additionalProperties" in known or known.get("x-kubernetes-preserve-unknown-fields")
    if known.get("type") == "object" and "properties" in known and not is_open:
        known["additionalProperties"] = False
    return known


def limits(manifest):
    """What no schema asks for, and the chart promises."""
    spec = manifest["spec"]
    if manifest["kind"] == "Deployment":
        pod = spec["template"]["spec"]
        container = pod["containers"][0]
        env = {one["name"]: one.get("value") for one in container["env"]}
        drain = int(env["POSTHASTE_GRACE"].removesuffix("s"))
        assert pod["terminationGracePeriodSeconds"] > drain, "pods are killed before they drained"
        assert container["securityContext"]["readOnlyRootFilesystem"], "the root can be written to"
        assert pod["securityContext"]["runAsNonRoot"], "it may run as root"
    if manifest["kind"] == "NetworkPolicy" and manifest["metadata"]["name"].endswith("-out"):
        blocks = [to["ipBlock"] for rule in spec["egress"] for to in rule["to"] if "ipBlock" in to]
        everywhere = [block for block in blocks if block["cidr"] in ("0.0.0.0/0", "2000::/3")]
        assert len(everywhere) == 2, "the Internet is not reached"
        for private in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"):
            assert private in everywhere[0]["except"], f"{private} is reached"


def main(path):
    customs = definitions()
    unchecked, failed, checked = set(), 0, 0
    with open(path, encoding="utf-8") as file:
        manifests = [manifest for manifest in yaml.safe_load_all(file) if manifest]
    for manifest in manifests:
        version, kind = manifest["apiVersion"], manifest["kind"]
        name = f"{kind}/{manifest['metadata']['name']}"
        try:
            if (version, kind) in customs:
                schema = dict(customs[version, kind])
                schema["properties"] = {**schema["properties"], "metadata": {"type": "object"}}
                # The schema itself may have expressions of Go's, which Python refuses to check.
                jsonschema.Draft7Validator(schema).validate(manifest)
            elif version.split("/")[0] in CUSTOM:
                unchecked.add(kind)
                continue
            else:
                kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
                if "spec" in manifest:
                    limits(manifest)
            checked += 1
        except (
            AssertionError,
            jsonschema.ValidationError,
            kubernetes_validate.ValidationError,
        ) as error:
            failed += 1
            print(f"{name}: {error}")
    if unchecked:
        print(f"not checked, set POSTHASTE_CRDS to a folder of definitions: {sorted(unchecked)}")
    print(f"{checked} checked, {failed} failed")
    sys.exit(1 if failed or not checked else 0)


main(sys.argv[1])
