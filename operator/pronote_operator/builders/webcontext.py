"""What the builders of a publication's children need to know, and the metadata that these share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pronote_operator.api.constants import API_VERSION
from pronote_operator.api.publication import HttpRouteExposure, IngressExposure, Publication, ServiceExposure
from pronote_operator.builders.context import BuilderOptions, Release
from pronote_operator.builders.names import LABEL_PUBLICATION, Names, WebNames, child_labels


@dataclass(frozen=True)
class WebContext:
    """One publication and everything that its children follow from.

    Args:
        release: that the base runs.
        host: under which visitors reach the pages.
        delegated: whether an Espace is delegated to an ENT, whose CAS server the replicas then ask.
    """

    publication: Publication
    options: BuilderOptions
    release: Release
    host: str
    delegated: bool

    @cached_property
    def name(self) -> str:
        return self.publication.metadata.name

    @cached_property
    def namespace(self) -> str:
        return self.publication.metadata.namespace

    @cached_property
    def base(self) -> str:
        """Name of the base."""
        return self.publication.spec.base

    @cached_property
    def names(self) -> WebNames:
        return WebNames(self.name)

    @cached_property
    def base_names(self) -> Names:
        return Names(self.base)

    @property
    def http_route(self) -> HttpRouteExposure | None:
        exposure = self.publication.spec.exposure
        return exposure.http_route if exposure is not None else None

    @property
    def ingress(self) -> IngressExposure | None:
        exposure = self.publication.spec.exposure
        return exposure.ingress if exposure is not None else None

    @property
    def service(self) -> ServiceExposure:
        """How the Service is exposed by itself: within the cluster when a route leads to it."""
        exposure = self.publication.spec.exposure
        return (exposure.service if exposure is not None else None) or ServiceExposure()

    @cached_property
    def labels(self) -> dict[str, str]:
        return _labels(self.publication, self.base)

    def metadata(self, name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
        """The metadata of the child `name`: see `web_metadata`."""
        return web_metadata(self.publication, self.base, name, annotations)


def web_metadata(
    publication: Publication, base: str, name: str, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """The metadata of the child `name`: it goes with the publication.

    Args:
        base: that it belongs to: the one published, or one that was.
    """
    owner = {
        "apiVersion": API_VERSION,
        "kind": "Publication",
        "name": publication.metadata.name,
        "uid": publication.metadata.uid,
        "controller": True,
    }
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": publication.metadata.namespace,
        "labels": _labels(publication, base),
        "ownerReferences": [owner],
    }
    if annotations:
        metadata["annotations"] = annotations
    return metadata


def _labels(publication: Publication, base: str) -> dict[str, str]:
    """The labels of every child; nothing is copied from the publication's own labels."""
    return child_labels(base) | {LABEL_PUBLICATION: publication.metadata.name}
