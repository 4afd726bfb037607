"""Reading kubeconfigs: client certificates, files and inline data, tokens."""

from __future__ import annotations

import base64
import datetime
import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.faultproxy import FaultProxy
from tests.support.kubeconfig import read_kubeconfig, write_kubeconfig
from tests.unit.support.apiserver import SmallApiServer


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: str
    key: str


def certify(common_name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> tuple[Any, Any]:
    """A certificate for 127.0.0.1, self-signed as an authority when there is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    """Both as text."""
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate.public_bytes(encoding).decode(), private.decode())


@pytest.mark.parametrize("inline", [True, False])
def test_the_proxy_is_the_user_of_the_client_certificate(tmp_path: Path, inline: bool) -> None:
    authority = certify("authority", None)
    ca, server, client = pem(*authority), pem(*certify("server", authority)), pem(*certify("admin", authority))
    (tmp_path / "server.pem").write_text(server.certificate + server.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=ca.certificate)
    tls.load_cert_chain(tmp_path / "server.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    contents = {
        "certificate-authority": ca.certificate,
        "client-certificate": client.certificate,
        "client-key": client.key,
    }
    members: dict[str, str] = {}
    for name, text in contents.items():
        if inline:
            members[f"{name}-data"] = base64.b64encode(text.encode()).decode()
        else:
            (tmp_path / f"{name}.pem").write_text(text)
            members[name] = f"{name}.pem"
    authority_member = {name: value for name, value in members.items() if name.startswith("certificate-")}
    user = {name: value for name, value in members.items() if name.startswith("client-")}
    with SmallApiServer(tls) as api:
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{api.port}", **authority_member}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        with FaultProxy(tmp_path / "kubeconfig") as proxy:
            connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
            connection.request("GET", "/version")
            assert connection.getresponse().read() == b'{"path": "/version"}'
            connection.close()


def test_a_token_is_sent_unless_the_caller_brings_one(tmp_path: Path) -> None:
    with SmallApiServer() as api:
        path = write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{api.port}")
        config = yaml.safe_load(path.read_text())
        config["users"][0]["user"] = {"token": "abc"}
        path.write_text(yaml.safe_dump(config))
        with FaultProxy(path) as proxy:
            connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
            for headers in ({}, {"Authorization": "Bearer own"}):
                connection.request("GET", "/", headers=headers)
                connection.getresponse().read()
            connection.close()
        assert [seen["Authorization"] for seen in api.headers] == ["Bearer abc", "Bearer own"]


def test_the_written_kubeconfig_leads_through_the_proxy_without_credentials(tmp_path: Path) -> None:
    with SmallApiServer() as api:
        upstream = write_kubeconfig(tmp_path / "upstream", f"http://127.0.0.1:{api.port}")
        with FaultProxy(upstream) as proxy:
            written = read_kubeconfig(proxy.write_kubeconfig(tmp_path / "through", namespace="a"))
            assert (written.url, written.tls, written.token) == (proxy.url, None, None)


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    path.write_text(path.read_text().replace("current-context: test", "current-context: other"))
    with pytest.raises(KeyError, match="other"):
        read_kubeconfig(path)
