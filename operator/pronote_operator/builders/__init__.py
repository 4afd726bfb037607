"""Manifests of the children of a base, from its spec: pure functions, one module per kind of child."""
