"""One module a peer, each run by the Python of its own environment, whose lock lies beside it: see `bench.app`."""
