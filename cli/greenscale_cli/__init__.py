"""GreenScale: cli."""
