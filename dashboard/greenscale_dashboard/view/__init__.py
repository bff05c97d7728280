"""The read model: what the pages show, as plain values. Only here is the queue read or written.

Reads that all viewers share go through `cache`: ten open pages cost Redis about what one does.
"""
