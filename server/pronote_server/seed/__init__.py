"""An invented school: what `pronote-server seed` fills a base with."""
