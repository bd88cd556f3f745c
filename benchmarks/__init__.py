"""What the platform promises about cost, measured: one module a claim, every contender in a process of its own."""
