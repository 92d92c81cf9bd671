"""The Kubernetes manifests, checked without a cluster."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import redis
import yaml
from kubernetes_validate import utils
from pydantic_settings import BaseSettings
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.settings import CommonSettings, ServiceSettings
from deploy import valkey
from deploy.children import spawn
from deploy.embedded import free_port
from tests.deploy.manifests import FOLDERS, K8S, READERS, Manifest, manifests, of_kind, pod_of

SERVICES = {"ingest": 7001, "twin": 7002, "profile": 7003, "forecast": 7004, "recommend": 7005}
PROCESSES = [*SERVICES, "gateway"]
VALKEY_USERS = {"ingest", "recommend", "gateway"}
SECRET_FILES = {"INGEST_TOKEN_KEY_FILE"}

# Who calls whom inside the cluster, by port.
EDGES = (
    {("gateway", name, port) for name, port in SERVICES.items()}
    | {(name, "nats", 4222) for name in PROCESSES}
    | {(name, "valkey", 6379) for name in VALKEY_USERS}
)
DEV_EDGES = EDGES | {(name, "postgres", 5432) for name in SERVICES}


@pytest.fixture(scope="module", autouse=True)
def schemas_are_read_once() -> Iterator[None]:
    """Or the validator would parse megabytes of definitions for each object."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=FOLDERS)
def objects(request: pytest.FixtureRequest, reader: str) -> list[Manifest]:
    return manifests(FOLDERS[request.param], reader)


@pytest.fixture
def workloads(objects: list[Manifest]) -> list[Manifest]:
    return of_kind(objects, "Deployment", "StatefulSet")


def test_every_object_is_valid_for_the_newest_kubernetes_and_for_the_oldest_supported(objects: list[Manifest]) -> None:
    versions = [kubernetes_validate.latest_version(), "1.30"]

    for each in objects:
        for version in versions:
            kubernetes_validate.validate(each, version, strict=True)


def test_a_broken_object_does_not_pass() -> None:
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"prots": []}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_all_six_processes_run(workloads: list[Manifest]) -> None:
    names = {each["metadata"]["name"] for each in workloads}

    assert {*PROCESSES, "nats", "valkey"} <= names


def test_every_image_has_a_version_that_stays(workloads: list[Manifest]) -> None:
    images = [container["image"] for each in workloads for container in pod_of(each)["containers"]]

    assert len(images) >= 8
    for image in images:
        assert re.fullmatch(r"[a-z0-9/.-]+:\d+(\.\d+)+[a-z0-9.-]*", image), image


def test_no_pod_may_do_more_than_it_must(workloads: list[Manifest]) -> None:
    for each in workloads:
        pod = pod_of(each)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_namespace_enforces_the_restricted_standard(objects: list[Manifest]) -> None:
    (namespace,) = of_kind(objects, "Namespace")

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_has_a_token_of_the_cluster_and_each_has_an_account_of_its_own(
    objects: list[Manifest], workloads: list[Manifest]
) -> None:
    accounts = {each["metadata"]["name"]: each for each in of_kind(objects, "ServiceAccount")}

    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    for each in workloads:
        assert pod_of(each)["automountServiceAccountToken"] is False
        assert pod_of(each)["serviceAccountName"] == each["metadata"]["name"]
    assert set(accounts) == {each["metadata"]["name"] for each in workloads}


def test_kubernetes_does_not_overwrite_the_port_settings_with_service_links(workloads: list[Manifest]) -> None:
    assert [each["metadata"]["name"] for each in workloads if pod_of(each)["enableServiceLinks"] is not False] == []


def test_every_container_is_probed_and_limited(workloads: list[Manifest]) -> None:
    for each in workloads:
        for container in pod_of(each)["containers"]:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            resources = container["resources"]
            assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}


def test_services_are_asked_by_the_grpc_health_protocol_on_the_port_they_are_told(
    objects: list[Manifest], workloads: list[Manifest]
) -> None:
    for each in workloads:
        name = each["metadata"]["name"]
        if name not in SERVICES:
            continue
        (container,) = pod_of(each)["containers"]
        probes = [container[f"{kind}Probe"]["grpc"]["port"] for kind in ("startup", "readiness", "liveness")]
        told = _config(objects, name)[f"{name.upper()}_PORT"]
        assert {*probes, int(told), container["ports"][0]["containerPort"]} == {SERVICES[name]}


def test_followers_of_the_log_run_once_and_are_replaced_not_doubled(workloads: list[Manifest]) -> None:
    for each in workloads:
        if each["metadata"]["name"] in SERVICES:
            assert each["spec"]["replicas"] == 1
            assert each["spec"]["strategy"] == {"type": "Recreate"}


def test_the_gateway_scales_and_is_never_gone_in_a_roll_out(objects: list[Manifest]) -> None:
    (gateway,) = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "gateway"]
    (scaler,) = of_kind(objects, "HorizontalPodAutoscaler")
    (budget,) = of_kind(objects, "PodDisruptionBudget")

    assert gateway["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in gateway["spec"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "gateway"
    assert budget["spec"]["selector"]["matchLabels"] == {"app": "gateway"}


@pytest.mark.parametrize("name", PROCESSES)
def test_every_setting_that_a_process_is_given_exists(objects: list[Manifest], name: str) -> None:
    given = {*_config(objects, name), *_config(objects, "marketwin"), *_environment(objects, name)}

    known = _variables(CommonSettings) | _variables(_settings_of(name))

    assert given - known == set()


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_starts_with_the_settings_it_is_given(
    objects: list[Manifest], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in list(os.environ):
        if variable.startswith(("MARKETWIN_", f"{name.upper()}_")):
            monkeypatch.delenv(variable)
    for variable, value in (_config(objects, "marketwin") | _config(objects, name)).items():
        monkeypatch.setenv(variable, value)

    settings: Any = _settings_of(name)()

    assert settings.host == "0.0.0.0"
    assert settings.port == SERVICES.get(name, 8080)
    assert settings.common.data == Path("/data")


def test_no_secret_stands_in_a_manifest(objects: list[Manifest]) -> None:
    assert of_kind(objects, "Secret") == []
    for each in of_kind(objects, "ConfigMap"):
        suspicious = [name for name in each["data"] if re.search(r"KEY|SECRET|PASSWORD|TOKEN", name)]
        assert set(suspicious) <= SECRET_FILES


def test_every_config_map_that_a_pod_reads_is_there_or_optional(
    objects: list[Manifest], workloads: list[Manifest]
) -> None:
    present = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}

    for each in workloads:
        pod = pod_of(each)
        sources = [source["configMapRef"] for source in _env_from(pod) if "configMapRef" in source]
        sources += [volume["configMap"] for volume in pod["volumes"] if "configMap" in volume]
        missing = [source["name"] for source in sources if not source.get("optional")]
        assert set(missing) <= present


def test_the_network_denies_by_default_and_allows_the_edges_of_the_architecture_at_both_ends(reader: str) -> None:
    for folder, edges in (("base", EDGES), ("dev", DEV_EDGES)):
        policies = of_kind(manifests(FOLDERS[folder], reader), "NetworkPolicy")
        default = next(each["spec"] for each in policies if each["metadata"]["name"] == "deny-all")
        outgoing, incoming = _outgoing(policies), _incoming(policies)

        assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert incoming == edges
        # Patches are beyond plain reading: there the base's open egress to the database stays.
        assert outgoing == (edges if reader == "kubectl" else EDGES)


def test_only_wecom_dns_and_an_outside_database_are_reached_without_naming_a_pod(reader: str) -> None:
    allowed = {
        (each["metadata"]["name"], port["port"])
        for each in of_kind(manifests(FOLDERS["base"], reader), "NetworkPolicy")
        for rule in each["spec"].get("egress", [])
        if not any(peer.keys() == {"podSelector"} for peer in rule.get("to", []))
        for port in rule["ports"]
    }

    assert allowed == {("names", 53), ("recommend", 443), *((name, 5432) for name in SERVICES)}


@pytest.mark.skipif("kubectl" not in READERS, reason="patches can only be seen through kubectl")
def test_in_the_dev_overlay_only_its_own_database_is_reached() -> None:
    policies = of_kind(manifests(FOLDERS["dev"], "kubectl"), "NetworkPolicy")

    assert {edge for edge in _outgoing(policies) if edge[2] == 5432} == {(name, "postgres", 5432) for name in SERVICES}


def test_all_gateways_together_hold_no_more_bodies_than_half_the_memory_of_ingest(objects: list[Manifest]) -> None:
    [held] = [
        int(each["data"]["GATEWAY_MAX_BODIES_BYTES"])
        for each in of_kind(objects, "ConfigMap")
        if "GATEWAY_MAX_BODIES_BYTES" in each["data"]
    ]
    [most] = [
        each["spec"]["maxReplicas"]
        for each in of_kind(objects, "HorizontalPodAutoscaler")
        if each["metadata"]["name"] == "gateway"
    ]
    [ingest] = [each for each in of_kind(objects, "Deployment", "StatefulSet") if each["metadata"]["name"] == "ingest"]
    limit = pod_of(ingest)["containers"][0]["resources"]["limits"]["memory"]

    assert limit.endswith("Gi")
    assert held * most <= int(limit.removesuffix("Gi")) * 1024**3 / 2


def test_the_secrets_made_for_dev_are_those_that_its_pods_read_and_differ_each_time() -> None:
    script = K8S / "overlays" / "dev" / "make-secrets.sh"
    first, second = (subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout for _ in "12")

    secrets = list(yaml.safe_load_all(first))
    for each in secrets:
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    made = {each["metadata"]["name"]: each["stringData"] for each in secrets}
    wanted = _secrets_read(of_kind(manifests(FOLDERS["dev"], "plain"), "Deployment", "StatefulSet"))

    assert {(name, key) for name, keys in made.items() for key in keys} == wanted | {("gateway", "GATEWAY_JWT_KEY")}
    assert all(isinstance(value, str) for keys in made.values() for value in keys.values())
    assert first != second


def _secrets_read(workloads: list[Manifest]) -> set[tuple[str, str]]:
    read = set()
    for each in workloads:
        pod = pod_of(each)
        for variable in pod["containers"][0].get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                read.add((reference["name"], reference["key"]))
        for volume in pod["volumes"]:
            if "secret" in volume:
                read |= {(volume["secret"]["secretName"], item["key"]) for item in volume["secret"]["items"]}
    return read


def _config(objects: list[Manifest], name: str) -> dict[str, str]:
    """The ConfigMap of that name, with or without a hash behind it."""
    pattern = re.compile(rf"{name}(-[a-z0-9]{{10}})?")
    (found,) = [each for each in of_kind(objects, "ConfigMap") if pattern.fullmatch(each["metadata"]["name"])]
    data: dict[str, str] = found["data"]
    return data


def _environment(objects: list[Manifest], name: str) -> set[str]:
    (workload,) = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == name]
    return {variable["name"] for variable in pod_of(workload)["containers"][0]["env"]}


def _env_from(pod: Manifest) -> list[dict[str, Any]]:
    return [source for container in pod["containers"] for source in container.get("envFrom", [])]


def _settings_of(name: str) -> type[BaseSettings]:
    module = importlib.import_module("gateway.settings" if name == "gateway" else f"services.{name}.settings")
    prefix = f"{name.upper()}_"
    (found,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ServiceSettings) and each.model_config["env_prefix"] == prefix
    ]
    return found


def _variables(settings: type[BaseSettings]) -> set[str]:
    return {f"{settings.model_config['env_prefix']}{field}".upper() for field in settings.model_fields}


def _incoming(policies: list[Manifest]) -> set[tuple[str, str, int]]:
    return {
        (peer["podSelector"]["matchLabels"]["app"], each["spec"]["podSelector"]["matchLabels"]["app"], port["port"])
        for each in policies
        for rule in each["spec"].get("ingress", [])
        for peer in rule["from"]
        if "podSelector" in peer
        for port in rule["ports"]
    }


def _outgoing(policies: list[Manifest]) -> set[tuple[str, str, int]]:
    return {
        (each["spec"]["podSelector"]["matchLabels"]["app"], peer["podSelector"]["matchLabels"]["app"], port["port"])
        for each in policies
        for rule in each["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if peer.keys() == {"podSelector"}
        for port in rule["ports"]
    }


def test_the_configuration_of_nats_is_one_that_nats_accepts(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text((K8S / "base" / "nats.conf").read_text().replace("store_dir: /data", f'store_dir: "{tmp_path}"'))

    checked = subprocess.run(
        [Path(sys.executable).with_name("nats-server"), "-t", "-c", config],
        env=os.environ | {"POD_NAME": "nats-0", "NATS_PASSWORD": "k00e12"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


async def test_the_command_of_valkey_starts_it_with_password_and_limit(reader: str, tmp_path: Path) -> None:
    objects = manifests(FOLDERS["base"], reader)
    (deployment,) = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "valkey"]
    (container,) = pod_of(deployment)["containers"]
    port = free_port()
    script = container["args"][0].replace("/tmp", str(tmp_path)).replace("6379", str(port))
    programs = f"{valkey.binary().parent}:{os.environ['PATH']}"

    process = spawn(
        "valkey",
        [*container["command"], script],
        log=tmp_path / "valkey.log",
        env={"PATH": programs, "VALKEY_PASSWORD": "k123"},
    )
    client, stranger = (redis.Redis(port=port, password=given, retry=Retry(NoBackoff(), 0)) for given in ("k123", None))
    try:
        await process.until(lambda: _answers(client), limit_s=10, what="ready")
        (memory,) = client.config_get("maxmemory").values()
        command = client.info("server")["process_id"]
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        client.close()
        stranger.close()
        await process.stop()

    assert int(memory) == 192 * 1024 * 1024
    assert command == process.pid  # it hears the signal that stops the pod


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
