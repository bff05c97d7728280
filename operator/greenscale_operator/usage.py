"""What `python -m greenscale_operator --help` says."""

ABOUT = """\
usage: python -m greenscale_operator

The GreenScale operator: turns GreenScaleWorkloads into Deployments that scale to zero, and maintains
their queues. It runs in a pod, or by the kubeconfig (KUBECONFIG), until SIGTERM or Ctrl-C; of several one works. It
takes no arguments: all settings come from the environment.

  GREENSCALE_NAMESPACE      where it is installed (default: greenscale-system)
  GREENSCALE_REDIS_HOST     the installation's Redis (default: redis-service)
  GREENSCALE_WORKER_IMAGE   the workers' image (default: greenscale-worker:0.1.0)
  GREENSCALE_IDENTITY       who holds the Lease (default: the host's name)
  GREENSCALE_HEALTH_PORT    the port of GET /healthz (default: 8080)
  GREENSCALE_LOG_LEVEL      default: INFO
  GREENSCALE_LOG_FORMAT     text (default) or json

Exit status: 0 after a signal, 1 if the Lease is lost or no cluster is found, 2 for a wrong environment or arguments.
"""
