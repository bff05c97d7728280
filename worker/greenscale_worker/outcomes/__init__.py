"""What an engine answered, and what it means for the job: `judge` decides, by the tables beside it."""
