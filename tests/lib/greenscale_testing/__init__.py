"""What several tests use: real servers, and a clock that moves when told to."""
