"""The read model: what the pages show, as plain values. Only this package reads or writes the queue.

Reads that all viewers share go through `cache`: ten open pages cost Redis about as much as one.
"""
