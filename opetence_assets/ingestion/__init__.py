"""Bronze: from a source to one commit, exactly once."""
