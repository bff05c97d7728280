"""GreenScale: operator."""
