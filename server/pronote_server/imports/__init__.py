"""National files that fill a base: STS-Web and SIECLE."""
