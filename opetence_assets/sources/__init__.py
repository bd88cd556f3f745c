"""One file per protocol; none names a dataset."""
