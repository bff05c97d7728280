"""How Redis is reached: its address, the connections, and what a server must be."""
