"""What a killed child needs, imported once in the fork server. It must start no thread."""

import dlt
import pyarrow.parquet

assert dlt
assert pyarrow.parquet
