"""What `python -m greenscale_worker --help` says."""

ABOUT = """\
usage: python -m greenscale_worker

A GreenScale worker: claims jobs from a queue in Redis, has its engine answer them, and stores the answers.
It runs until SIGTERM or Ctrl-C, then finishes what it can and hands the rest back. It takes no arguments:
its environment tells it everything, and beneath it the file .env of the working directory.

Redis
  REDIS_HOST, REDIS_PORT                     localhost and 6379 unless told
  REDIS_DB                                   the database's number, 0 unless told
  REDIS_USERNAME, REDIS_PASSWORD             how it gets in
  REDIS_TLS, REDIS_CA                        true for TLS; certificates (PEM) that vouch for Redis

The engine
  GREENSCALE_ENGINE                          OpenAI (unless told), Server or Echo
  GREENSCALE_MODEL                           gpt-4o-mini unless told
  OPENAI_API_KEY, OPENAI_BASE_URL            the key; any OpenAI-compatible address, OpenAI's own unless told
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR
                                             the way to it; never a proxy for localhost or the engine Server
  GREENSCALE_SERVER_READY_URL                for Server: where it says that it is ready
  GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS  for Server: how long that may take, 1800 unless told
  GREENSCALE_MAX_TOKENS, GREENSCALE_TEMPERATURE, GREENSCALE_SYSTEM
                                             for requests that do not say so themselves

The jobs
  GREENSCALE_QUEUE                           the list, jobs unless told
  GREENSCALE_CONCURRENCY                     jobs at once, 8 unless told
  GREENSCALE_JOB_TIMEOUT_SECONDS             the longest attempt, 600 unless told
  GREENSCALE_LEASE_SECONDS                   how long a claim lives unrenewed, 30 unless told
  GREENSCALE_MAX_ATTEMPTS                    3 unless told
  GREENSCALE_BACKOFF_INITIAL_SECONDS         before the second attempt, 5 unless told
  GREENSCALE_BACKOFF_MAX_SECONDS             before any attempt, 300 unless told
  GREENSCALE_RESULT_TTL_SECONDS              how long answers are kept, 86400 unless told

  WORKER_SETTINGS                            JSON: giveUpAfterSeconds (86400), maxLosses (5), maxAnswerBytes (8388608),
                                             readAgainAtRestart ([]): end where one of these variables is refused

The process
  GREENSCALE_GRACE_SECONDS                   for what runs at SIGTERM, 20 unless told
  GREENSCALE_WORKER                          its name in jobs' records, host and process id unless told
  GREENSCALE_LIVENESS_PORT                   where GET /livez and /readyz answer, nowhere unless told
  GREENSCALE_LOG_FORMAT                      text (unless told) or json

Exit status: 0 after a signal, 1 if the engine never gets ready, 2 for a wrong environment or arguments,
3 if the key or the password is refused and a restart may read another.
"""
