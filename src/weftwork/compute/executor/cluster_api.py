"""The few calls of a Kubernetes API server that leases need, by the official client, on plain JSON objects.

Blocking: the executor calls them in threads. Source: the client's own reference; the Kubernetes API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weftwork.compute.error import ExecutorFailed
from weftwork.compute.executor.cluster import OWNER, Object
from weftwork.errors import ExtraMissing, Unavailable

_SECONDS = (5, 30)
"""To connect, and to answer."""

_STREAM_SECONDS = (5, 86_400)

_SELECTOR = ",".join(f"{name}={value}" for name, value in OWNER.items())


class ClusterApi:
    """A cluster as one context of a kubeconfig reaches it; without either, as from inside a pod.

    :raises ExtraMissing: the client is not installed
    :raises Unavailable: there is no such kubeconfig or context
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        try:
            from kubernetes import client, config
        except ImportError as error:
            raise ExtraMissing(
                "the Kubernetes client is not installed",
                value="kubernetes",
                hint="pip install 'weftwork[kubernetes]'",
            ) from error
        try:
            self._client = config.new_client_from_config(kubeconfig, context)
        except (config.ConfigException, OSError) as error:
            if kubeconfig or context:
                raise _no_config(error) from error
            inside = client.Configuration()
            try:
                config.load_incluster_config(inside)
            except config.ConfigException:
                raise _no_config(error) from error
            self._client = client.ApiClient(inside)
        self._core, self._apps = client.CoreV1Api(self._client), client.AppsV1Api(self._client)
        self._net, self._version = client.NetworkingV1Api(self._client), client.VersionApi(self._client)

    def version(self) -> str:
        """The server's version; Unavailable where it does not answer."""
        return str(self._call(self._version.get_code)["gitVersion"])

    def create(self, body: Object) -> bool:
        """Creates an object; False where there is one of that name."""
        kind, space = body["kind"], body["metadata"].get("namespace")
        if kind == "Namespace":
            return self._call(self._core.create_namespace, body, conflict=False) is not False
        method = {
            "ResourceQuota": self._core.create_namespaced_resource_quota,
            "Secret": self._core.create_namespaced_secret,
            "PersistentVolumeClaim": self._core.create_namespaced_persistent_volume_claim,
            "Service": self._core.create_namespaced_service,
            "Deployment": self._apps.create_namespaced_deployment,
            "NetworkPolicy": self._net.create_namespaced_network_policy,
            "Ingress": self._net.create_namespaced_ingress,
        }[kind]
        return self._call(method, space, body, conflict=False) is not False

    def namespace(self, name: str) -> Object | None:
        """A namespace, or None."""
        found: Object | None = self._call(self._core.read_namespace, name, missing=None)
        return found

    def namespaces(self) -> list[Object]:
        """Those of our leases."""
        return _items(self._call(self._core.list_namespace, label_selector=_SELECTOR))

    def delete_namespace(self, name: str) -> None:
        """Ends the namespace and all in it; nothing happens where there is none."""
        self._call(self._core.delete_namespace, name, missing=None, conflict=None)

    def deployments(self, namespace: str) -> list[Object]:
        """All of a namespace."""
        return _items(self._call(self._apps.list_namespaced_deployment, namespace))

    def scale(self, namespace: str, name: str, replicas: int, notes: dict[str, str | None]) -> None:
        """Sets a deployment's replicas and annotations (None takes one away)."""
        body = {"metadata": {"annotations": notes}, "spec": {"replicas": replicas}}
        self._call(self._apps.patch_namespaced_deployment, name, namespace, body)

    def pods(self, namespace: str) -> list[Object]:
        """All of a namespace."""
        return _items(self._call(self._core.list_namespaced_pod, namespace))

    def services(self, namespace: str) -> list[Object]:
        """All of a namespace."""
        return _items(self._call(self._core.list_namespaced_service, namespace))

    def ingresses(self, namespace: str) -> list[Object]:
        """All of a namespace."""
        return _items(self._call(self._net.list_namespaced_ingress, namespace))

    def nodes(self) -> list[Object]:
        """The machines of the cluster."""
        return _items(self._call(self._core.list_node))

    def log(self, namespace: str, pod: str, tail: int | None, limit: int) -> str:
        """What a pod wrote, each line with its time before it; empty where it has not begun."""
        more: dict[str, Any] = {} if tail is None else {"tail_lines": tail}
        found = self._call(
            self._core.read_namespaced_pod_log,
            pod,
            namespace,
            timestamps=True,
            limit_bytes=limit,
            missing="",
            unready="",
            **more,
        )
        return str(found or "")

    def follow(self, namespace: str, pod: str, since: int) -> tuple[Iterator[bytes], Any]:
        """Pieces of what a pod writes from ``since`` seconds ago on, and what to close to end them."""
        answer = self._call(
            self._core.read_namespaced_pod_log,
            pod,
            namespace,
            timestamps=True,
            follow=True,
            since_seconds=max(since, 1),
            _preload_content=False,
            raw=True,
        )
        return answer.stream(4096), answer

    def close(self) -> None:
        """Lets the connections go."""
        self._client.close()

    def _call(self, method: Any, *words: Any, raw: bool = False, **options: Any) -> Any:
        """Calls the client; ``missing``, ``conflict``, ``unready`` are answers in place of 404, 409, 400."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        instead = {404: "missing", 409: "conflict", 400: "unready"}
        given = {name: options.pop(name) for name in instead.values() if name in options}
        try:
            found = method(*words, _request_timeout=_STREAM_SECONDS if raw else _SECONDS, **options)
        except ApiException as error:
            name = instead.get(error.status or 0, "")
            if name in given:
                return given[name]
            raise ExecutorFailed(
                f"the cluster refused a call: {error.status} {error.reason}",
                value=str(error.body or "")[:300],
                hint="see what the provider's account may do with kubectl auth can-i --list",
            ) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(
                "the cluster cannot be reached", value=str(error)[:200], hint="try kubectl version"
            ) from error
        return found if raw or isinstance(found, str) else self._client.sanitize_for_serialization(found)


def _items(listed: Any) -> list[Object]:
    return list(listed.get("items") or [])


def _no_config(error: Exception) -> Unavailable:
    return Unavailable(
        f"there is no usable kubeconfig: {error}", value=str(error)[:200], hint="give kubeconfig and context"
    )
