"""PRONOTE.net's replica: the Espaces as pages and as the web protocol, in front of a base's server."""
