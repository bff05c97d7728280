"""Chat completions of OpenAI-compatible servers: what is asked, how it is sent, and how an answer is read."""
