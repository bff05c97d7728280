"""`greenscale doctor`: what keeps GreenScale from working here, and what helps."""
