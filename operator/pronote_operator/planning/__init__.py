"""Pure decisions: what is wanted, from spec, status and a clock that is passed in."""
