"""Declarations → checks that vote before a version can be released."""
