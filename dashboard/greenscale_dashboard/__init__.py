"""GreenScale: dashboard."""
