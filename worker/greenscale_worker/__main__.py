"""The worker, started as `python -m greenscale_worker`."""

from greenscale_worker.main import main

main()
