"""Tables, commits and releases: the only code that touches the lake's storage."""
