"""The same five tasks with GreenScale, with Flower, with RQ's dashboard and by hand: `python -m bench.compare`."""
