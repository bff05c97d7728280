"""The worker, started as `python worker/worker.py`."""

from greenscale_worker.main import main

if __name__ == "__main__":
    main()
