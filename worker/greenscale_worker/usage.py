"""What `python -m greenscale_worker --help` says."""

ABOUT = """\
A GreenScale worker: claims jobs from a queue in Redis, has its engine answer them, and stores the answers.
It runs until SIGTERM or Ctrl-C, then finishes what it can and hands the rest back. It takes no arguments:
all settings come from the environment, and from the file .env of the working directory where that has none.

Redis
  REDIS_HOST, REDIS_PORT                     default: localhost and 6379
  REDIS_DB                                   the database's number (default: 0)
  REDIS_USERNAME, REDIS_PASSWORD             default: none
  REDIS_TLS, REDIS_CA                        true for TLS; the certificates (PEM) to trust

The engine
  GREENSCALE_ENGINE                          OpenAI, Server or Echo (default: OpenAI)
  GREENSCALE_MODEL                           default: gpt-4o-mini
  OPENAI_API_KEY                             default: none
  OPENAI_BASE_URL                            any OpenAI-compatible address (default: OpenAI's own)
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR
                                             the way to it; never a proxy for localhost or the engine Server
  GREENSCALE_SERVER_READY_URL                for Server: the address that answers 2xx once the server is ready
  GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS  for Server: how long that may take (default: 1800)
  GREENSCALE_MAX_TOKENS, GREENSCALE_TEMPERATURE, GREENSCALE_SYSTEM
                                             for requests that set none themselves (default: the engine's own)

The jobs
  GREENSCALE_QUEUE                           the list (default: jobs)
  GREENSCALE_CONCURRENCY                     jobs at once (default: 8)
  GREENSCALE_JOB_TIMEOUT_SECONDS             the longest attempt (default: 600)
  GREENSCALE_LEASE_SECONDS                   how long a claim lives unrenewed (default: 30)
  GREENSCALE_MAX_ATTEMPTS                    default: 3
  GREENSCALE_BACKOFF_INITIAL_SECONDS         before the second attempt (default: 5)
  GREENSCALE_BACKOFF_MAX_SECONDS             before any attempt (default: 300)
  GREENSCALE_RESULT_TTL_SECONDS              how long answers are kept (default: 86400)

  WORKER_SETTINGS                            JSON: giveUpAfterSeconds (86400), maxLosses (5), maxAnswerBytes (8388608),
                                             readAgainAtRestart ([]): exit where one of these variables is refused

The process
  GREENSCALE_GRACE_SECONDS                   for jobs that run at SIGTERM (default: 20)
  GREENSCALE_WORKER                          its name in jobs' records (default: host and process id)
  GREENSCALE_LIVENESS_PORT                   the port of GET /livez and /readyz (default: none)
  GREENSCALE_LOG_FORMAT                      text or json (default: text)

Exit status: 0 after a signal, 1 if the engine never gets ready, 2 for a wrong environment or arguments,
3 if the key or the password is refused and a restart may read another.
"""
