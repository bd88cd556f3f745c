"""Silver: tidy → judge → deduplicate → upsert; what is refused goes to quarantine with its reasons."""
