"""Every setting of the operator, read from the environment once at start; the chart sets them."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the operator. Each is an environment variable: `PRONOTE_OPERATOR_` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="PRONOTE_OPERATOR_", frozen=True, extra="ignore")

    image: str = Field(
        default="localhost/pronote-operator:dev",
        min_length=1,
        description="The operator's own image; `prepare` and `agent` in the pods of the bases run it too.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="Pull policy of all containers in the pods of the bases."
    )
    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Namespaces to serve, separated by commas. Empty: the whole cluster."
    )
    client_host_template: str = Field(
        default="{name}-client.{namespace}.svc",
        min_length=1,
        max_length=253,
        description="Host name at which a school's Clients reach its server. Placeholders: {name}, {namespace}, {uai}.",
    )
    client_service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        default="ClusterIP", description="Type of the Service that Clients connect to."
    )
    publication_host_template: str = Field(
        default="{uai}.pronote.example.org",
        min_length=1,
        max_length=253,
        description="Host name of publications that name none. Placeholders: {name} (of the publication), {namespace}, "
        "{uai} (of the base, in lower case).",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks (CIDR), separated by commas, of the proxies in front of publications: their "
        "`X-Forwarded-For` is believed. Empty: nobody's.",
    )
    trusted_proxy_hops: int = Field(
        default=1, ge=1, le=8, description="How many entries of it, from the right, trusted proxies have written."
    )
    role_for_secrets: str = Field(
        default="",
        description="ClusterRole with the rights on Secrets, which the operator binds to itself in each namespace that "
        "holds a base. Empty: those rights are there already (namespaced mode).",
    )
    service_account: str = Field(
        default="pronote-operator", description="The operator's ServiceAccount, bound as above."
    )
    ent_catalogue: str = Field(
        default="pronote-operator-ents",
        min_length=1,
        max_length=253,
        description="ConfigMap with the catalogue of ENTs, in the operator's own namespace.",
    )
    workers: int = Field(default=16, ge=1, le=256, description="Bases that are reconciled at the same time.")
    max_concurrent_restores: int = Field(
        default=10, ge=1, le=1000, description="Bases that are restored in place at the same time; others wait."
    )
    max_api_connections: int = Field(
        default=32, ge=4, le=256, description="Connections to the API server of each of the two request sessions."
    )
    lease_duration_seconds: int = Field(
        default=10, ge=5, le=300, description="How long a silent leader keeps the Lease before another replica acts."
    )
    leader_election: bool = Field(default=True, description="Work only while holding the Lease.")
    deaf_after_seconds: float = Field(
        default=150, ge=65, description="A watch without an event or a bookmark for this long makes /healthz fail."
    )
    http_port: int = Field(default=8080, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics.")
    http_host: str = Field(default="0.0.0.0", description="Address that port listens on.")  # noqa: S104 - probes come to the pod's address
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity logged."
    )

    @field_validator("watch_namespaces", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(one)) for one in value)
