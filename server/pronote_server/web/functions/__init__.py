"""Functions of the web protocol, one module for what belongs together."""
