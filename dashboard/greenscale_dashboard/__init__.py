"""The page. It talks to Redis only, and never to a model."""
