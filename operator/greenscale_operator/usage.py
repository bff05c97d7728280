"""What `python -m greenscale_operator --help` says."""

ABOUT = """\
usage: python -m greenscale_operator

The GreenScale operator: turns GreenScaleWorkloads into Deployments and KEDA's ScaledObjects, and tends their
queues. It runs in a pod, or by the kubeconfig (KUBECONFIG), until SIGTERM or Ctrl-C; of several one works. It
takes no arguments: its environment tells it everything.

  GREENSCALE_NAMESPACE      where it is installed, greenscale-system unless told
  GREENSCALE_REDIS_HOST     the installation's Redis, redis-service unless told
  GREENSCALE_WORKER_IMAGE   greenscale-worker:0.1.0 unless told
  GREENSCALE_IDENTITY       who holds the Lease, the host's name unless told
  GREENSCALE_HEALTH_PORT    where GET /healthz answers, 8080 unless told
  GREENSCALE_LOG_LEVEL      INFO unless told

Exit status: 0 after a signal, 1 if the Lease is lost or no cluster is found, 2 for a wrong environment or arguments.
"""
