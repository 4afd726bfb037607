"""The processes of an instance: which ones, with which arguments. Pure."""

from __future__ import annotations

import sys

from local_cluster import addresses
from local_cluster.configs import NODE_TOOLS_IMAGE, VOLUMES_NAMESPACE
from local_cluster.options import Options
from local_cluster.paths import PACKAGE_ROOT, Instance, State
from local_cluster.processes import ProcessSpec

_DATABASE_BYTES = 8 * 1024**3
_CLIENT_RATE = ("--kube-api-qps=500", "--kube-api-burst=1000")
"""Controllers that hold back would be measured instead of the operator."""

_AUDIT_ROTATION = ("--audit-log-maxsize=200", "--audit-log-maxbackup=2")
"""Megabytes of one file, and how many old ones are kept."""


def required_programs(options: Options) -> list[str]:
    """The programs that must be compiled before an instance can start."""
    programs = ["etcd", "kube-apiserver", "kubectl"]
    if options.api_only:
        return programs
    programs += ["kube-controller-manager", "kube-scheduler"]
    if options.fake:
        return [*programs, "kwok"]
    return [*programs, "kubelet", "kube-proxy", "coredns", "local-path-provisioner", "node-tools"]


def storage_and_api(state: State, instance: Instance, options: Options) -> list[ProcessSpec]:
    """etcd and the API server, in the order of their start."""
    return [_etcd(state, instance, options), _apiserver(state, instance, options)]


def controllers(state: State, instance: Instance, options: Options) -> list[ProcessSpec]:
    """What needs nothing but the API server."""
    if options.api_only:
        return []
    specs = [_controller_manager(state, instance, options), _scheduler(state, instance, options)]
    if options.fake:
        specs.append(_kwok(state, instance))
    return specs


def container_runtime(instance: Instance, options: Options) -> list[ProcessSpec]:
    """containerd, on a real instance."""
    if options.fake:
        return []
    config = instance.config / "containerd.toml"
    return [ProcessSpec("containerd", ["/usr/bin/containerd", "--config", str(config)], inputs=(config,))]


def node(state: State, instance: Instance, options: Options) -> list[ProcessSpec]:
    """What makes a real node, once the API server and containerd answer."""
    if options.fake:
        return []
    return [
        _kubelet(state, instance),
        _kube_proxy(state, instance),
        _coredns(state, instance),
        _local_path(state, instance),
        _volume_growth(instance),
    ]


def all_processes(state: State, instance: Instance, options: Options) -> list[ProcessSpec]:
    """Every process of an instance, in the order of their start."""
    return [
        *storage_and_api(state, instance, options),
        *controllers(state, instance, options),
        *container_runtime(instance, options),
        *node(state, instance, options),
    ]


def _etcd(state: State, instance: Instance, options: Options) -> ProcessSpec:
    client = f"http://{addresses.LOOPBACK}:{options.ports.etcd}"
    peer = f"http://{addresses.LOOPBACK}:{options.ports.etcd_peer}"
    return ProcessSpec(
        "etcd",
        [
            str(state.bin / "etcd"),
            f"--data-dir={instance.root / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--quota-backend-bytes={_DATABASE_BYTES}",
            "--auto-compaction-retention=10m",
            "--unsafe-no-fsync",  # a crash of the machine costs a development cluster nothing
            "--log-level=warn",
        ],
    )


def _apiserver(state: State, instance: Instance, options: Options) -> ProcessSpec:
    pki = instance.pki
    argv = [
        str(state.bin / "kube-apiserver"),
        f"--etcd-servers=http://{addresses.LOOPBACK}:{options.ports.etcd}",
        f"--bind-address={options.address}",
        f"--secure-port={options.ports.apiserver}",
        f"--service-cluster-ip-range={addresses.SERVICE_CIDR}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
    ]
    if options.api_only:
        # No controller makes service accounts there, and a pod without one would be refused.
        argv.append("--disable-admission-plugins=ServiceAccount")
    inputs = [pki / "ca.crt"]
    if options.fake:
        argv += ["--endpoint-reconciler-type=none"]  # its own address is a loopback one, which no Endpoints may hold
    else:
        policy = instance.config / "audit-policy.yaml"
        inputs.append(policy)
        argv += [
            f"--advertise-address={addresses.NODE_IP}",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={instance.audit_log}",
            *_AUDIT_ROTATION,
            f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'kubelet-client.key'}",
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
        ]
    return ProcessSpec("apiserver", argv, inputs=tuple(inputs))


def _controller_manager(state: State, instance: Instance, options: Options) -> ProcessSpec:
    return ProcessSpec(
        "controller-manager",
        [
            str(state.bin / "kube-controller-manager"),
            f"--kubeconfig={instance.kubeconfig('controller-manager')}",
            f"--root-ca-file={instance.pki / 'ca.crt'}",
            f"--service-account-private-key-file={instance.pki / 'service-accounts.key'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--concurrent-statefulset-syncs=10",
            f"--flex-volume-plugin-dir={instance.root / 'volume-plugins'}",  # made outside of the instance otherwise
            *_secure_port(options, 10257),
            *_CLIENT_RATE,
        ],
    )


def _scheduler(state: State, instance: Instance, options: Options) -> ProcessSpec:
    return ProcessSpec(
        "scheduler",
        [
            str(state.bin / "kube-scheduler"),
            f"--kubeconfig={instance.kubeconfig('scheduler')}",
            "--leader-elect=false",
            *_secure_port(options, 10259),
            *_CLIENT_RATE,
        ],
    )


def _secure_port(options: Options, port: int) -> tuple[str, ...]:
    # Several fake instances run side by side, and nobody asks their controllers for metrics.
    return (f"--bind-address={addresses.LOOPBACK}", f"--secure-port={0 if options.fake else port}")


def _kwok(state: State, instance: Instance) -> ProcessSpec:
    config = instance.config / "kwok.yaml"
    return ProcessSpec(
        "kwok",
        [
            str(state.bin / "kwok"),
            f"--kubeconfig={instance.kubeconfig('kwok')}",
            f"--config={config}",
            "--manage-all-nodes",
            "--node-lease-duration-seconds=20",
            "--cidr=10.0.0.0/8",
            "--v=WARN",
        ],
        inputs=(config,),
    )


def _kubelet(state: State, instance: Instance) -> ProcessSpec:
    config = instance.config / "kubelet.yaml"
    root = instance.root / "kubelet"
    return ProcessSpec(
        "kubelet",
        [
            str(state.bin / "kubelet"),
            f"--config={config}",
            f"--kubeconfig={instance.kubeconfig('kubelet')}",
            f"--root-dir={root}",
            f"--cert-dir={root / 'pki'}",
            f"--hostname-override={addresses.NODE_NAME}",
            f"--node-ip={addresses.NODE_IP}",
        ],
        inputs=(config,),
    )


def _kube_proxy(state: State, instance: Instance) -> ProcessSpec:
    config = instance.config / "kube-proxy.yaml"
    return ProcessSpec("kube-proxy", [str(state.bin / "kube-proxy"), f"--config={config}"], inputs=(config,))


def _coredns(state: State, instance: Instance) -> ProcessSpec:
    config = instance.config / "Corefile"
    return ProcessSpec("coredns", [str(state.bin / "coredns"), "-conf", str(config)], inputs=(config,))


def _local_path(state: State, instance: Instance) -> ProcessSpec:
    config, helper = instance.config / "local-path.json", instance.config / "local-path-helper.yaml"
    return ProcessSpec(
        "local-path-provisioner",
        [
            str(state.bin / "local-path-provisioner"),
            "start",
            f"--config={config}",
            f"--helper-pod-file={helper}",
            f"--helper-image={NODE_TOOLS_IMAGE}",
            f"--kubeconfig={instance.kubeconfig('local-path-provisioner')}",
            f"--namespace={VOLUMES_NAMESPACE}",
            "--service-account-name=default",
            "--provisioner-name=rancher.io/local-path",
        ],
        environment={"KUBECONFIG": str(instance.kubeconfig("local-path-provisioner"))},
        inputs=(config, helper),
    )


def _volume_growth(instance: Instance) -> ProcessSpec:
    program = PACKAGE_ROOT / "local_cluster" / "volume_growth.py"
    return ProcessSpec(
        "volume-growth",
        [sys.executable, "-m", "local_cluster.volume_growth", str(instance.kubeconfig("volume-growth"))],
        environment={"PYTHONPATH": str(PACKAGE_ROOT)},
        inputs=(program,),
    )
