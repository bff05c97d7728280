"""Claims jobs from the queue, asks the engine, stores the answers."""
