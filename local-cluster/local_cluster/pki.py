"""Keys, certificates and kubeconfigs of an instance, made once."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_cluster import addresses
from local_cluster.paths import Instance

LIFETIME = datetime.timedelta(days=3650)
"""Of all certificates: a development cluster is thrown away long before."""

_CLOCK_TOLERANCE = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class _Leaf:
    name: str
    common_name: str
    organization: str = ""


_CLIENTS = (
    _Leaf("admin", "admin", "system:masters"),
    _Leaf("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
    _Leaf("kubelet", f"system:node:{addresses.NODE_NAME}", "system:nodes"),
    _Leaf("controller-manager", "system:kube-controller-manager"),
    _Leaf("scheduler", "system:kube-scheduler"),
    _Leaf("kube-proxy", "system:kube-proxy"),
    _Leaf("kwok", "kwok", "system:masters"),
    _Leaf("coredns", "local-cluster:coredns"),
    _Leaf("local-path-provisioner", "local-cluster:local-path-provisioner"),
    _Leaf("volume-growth", "local-cluster:volume-growth"),
)
_SERVERS = (_Leaf("apiserver", "kube-apiserver"), _Leaf("kubelet-server", addresses.NODE_NAME))
_DNS_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    addresses.NODE_NAME,
)
_IP_ADDRESSES = (addresses.LOOPBACK, addresses.NODE_IP, addresses.KUBERNETES_SERVICE_IP)
_WITH_KUBECONFIG = tuple(leaf.name for leaf in _CLIENTS if leaf.name != "kubelet-client")


def ensure(instance: Instance, server: str) -> None:
    """Makes the PKI and the kubeconfigs, unless they are there.

    Args:
        instance: whose folder they go to.
        server: URL of the API server.
    """
    done = instance.pki / "complete"
    if done.exists():
        return
    instance.pki.mkdir(parents=True, exist_ok=True)
    instance.pki.chmod(0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    _write_pair(instance.pki, "ca", authority_key, authority)
    for leaf in _CLIENTS:
        _issue(instance.pki, leaf, authority, authority_key, ExtendedKeyUsageOID.CLIENT_AUTH, names=())
    for leaf in _SERVERS:
        _issue(instance.pki, leaf, authority, authority_key, ExtendedKeyUsageOID.SERVER_AUTH, names=_alternatives())
    _service_account_keys(instance.pki)
    for user in _WITH_KUBECONFIG:
        write_private(instance.kubeconfig(user), kubeconfig(instance.pki, user, server, instance.name))
    done.touch()


def ensure_client(instance: Instance, server: str, user: str, common_name: str) -> None:
    """Makes the certificate and the kubeconfig of a further user of an instance with a PKI, unless they are there.

    Args:
        instance: whose folder they go to.
        server: URL of the API server.
        user: name of the kubeconfig.
        common_name: as which the API server knows the user.
    """
    if instance.kubeconfig(user).exists():
        return
    authority = x509.load_pem_x509_certificate((instance.pki / "ca.crt").read_bytes())
    key = serialization.load_pem_private_key((instance.pki / "ca.key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    _issue(instance.pki, _Leaf(user, common_name), authority, key, ExtendedKeyUsageOID.CLIENT_AUTH, names=())
    write_private(instance.kubeconfig(user), kubeconfig(instance.pki, user, server, instance.name))


def kubeconfig(pki: Path, user: str, server: str, name: str) -> str:
    """A kubeconfig with everything inside, so that it can be copied (JSON, which is YAML).

    Args:
        pki: folder of the certificates.
        user: whose certificate.
        server: URL of the API server.
        name: of the cluster and the context.
    """

    def data(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")},
            }
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local-cluster-ca")])
    return (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _issue(
    pki: Path,
    leaf: _Leaf,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    usage: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    if leaf.organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization))
    builder = (
        _builder(x509.Name(subject), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write_pair(pki, leaf.name, key, builder.sign(authority_key, hashes.SHA256()))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_TOLERANCE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives() -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in _DNS_NAMES),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in _IP_ADDRESSES),
    ]


def _service_account_keys(pki: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(pki / "service-accounts.key", _private_pem(key))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (pki / "service-accounts.pub").write_bytes(public)


def _write_pair(pki: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    write_private(pki / f"{name}.key", _private_pem(key))
    (pki / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
