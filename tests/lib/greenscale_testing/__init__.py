"""What several tests use: real servers, and a clock that moves only when the test advances it."""
