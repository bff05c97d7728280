"""What the kubelet writes into a container's environment."""


def service_links(name: str, *, port: int = 80, port_name: str = "http", address: str = "10.0.0.1") -> dict[str, str]:
    """Return the variables of a Service with one port. Source: kubernetes 1.36, pkg/kubelet/envvars."""
    service = name.upper().replace("-", "_")
    url, one = f"tcp://{address}:{port}", f"{service}_PORT_{port}_TCP"
    return {
        f"{service}_SERVICE_HOST": address,
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_{port_name.upper().replace('-', '_')}": str(port),
        f"{service}_PORT": url,
        one: url,
        f"{one}_PROTO": "tcp",
        f"{one}_PORT": str(port),
        f"{one}_ADDR": address,
    }
