"""Packs a base for another host: `.HNOT`, its annexes, and its users (docs/reference/hnot-format.md)."""
