"""Certificates last, kubeconfigs hold everything, and private keys are readable by their owner alone."""

import base64
import datetime
import json
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from local_cluster import pki
from local_cluster.paths import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance with its PKI."""
    made = Instance(tmp_path / "one", "one")
    pki.ensure(made, "https://127.0.0.1:6443")
    return made


def test_certificates_last_for_years(instance: Instance) -> None:
    ends = [
        x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc for path in instance.pki.glob("*.crt")
    ]
    assert min(ends) > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3000)


def test_private_files_are_readable_by_their_owner_alone(instance: Instance) -> None:
    private = [*instance.pki.glob("*.key"), *instance.root.glob("*.kubeconfig")]
    assert private
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_a_second_call_changes_nothing(instance: Instance) -> None:
    before = {path: path.read_bytes() for path in instance.root.rglob("*") if path.is_file()}
    pki.ensure(instance, "https://127.0.0.1:6443")
    assert {path: path.read_bytes() for path in instance.root.rglob("*") if path.is_file()} == before


def test_the_administrators_kubeconfig_is_complete(instance: Instance, tmp_path: Path) -> None:
    content = json.loads(instance.kubeconfig().read_text())
    user = content["users"][0]["user"]
    for name in ("client-certificate", "client-key"):
        (tmp_path / name).write_bytes(base64.b64decode(user[f"{name}-data"]))
    context = ssl.create_default_context(cafile=str(instance.pki / "ca.crt"))
    context.load_cert_chain(tmp_path / "client-certificate", tmp_path / "client-key")
    assert content["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"


def test_the_administrator_is_of_the_group_that_may_do_everything(instance: Instance) -> None:
    certificate = x509.load_pem_x509_certificate((instance.pki / "admin.crt").read_bytes())
    assert "O=system:masters" in certificate.subject.rfc4514_string()


def test_a_further_user_may_come_later_and_is_known_by_a_name_of_its_own(instance: Instance) -> None:
    pki.ensure_client(instance, "https://127.0.0.1:6443", "gateway", "local-cluster:gateway")
    content = json.loads(instance.kubeconfig("gateway").read_text())
    shown = base64.b64decode(content["users"][0]["user"]["client-certificate-data"])
    certificate = x509.load_pem_x509_certificate(shown)
    assert certificate.subject.rfc4514_string() == "CN=local-cluster:gateway"
    authority = x509.load_pem_x509_certificate((instance.pki / "ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    pki.ensure_client(instance, "https://127.0.0.1:6443", "gateway", "local-cluster:gateway")
    assert json.loads(instance.kubeconfig("gateway").read_text()) == content
