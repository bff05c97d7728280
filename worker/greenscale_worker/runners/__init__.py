"""What answers prompts, one module for each type of engine."""
