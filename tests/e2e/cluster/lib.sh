# What the scripts of this folder share: where things are, and how processes are started and ended.
# shellcheck shell=bash disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Which Kubernetes and which KEDA: a folder go/FAMILY-VERSION each, which `version` makes. The rest stands in go/*/go.mod.
KUBERNETES_VERSION=${KUBERNETES_VERSION:-1.36.3}
KEDA_VERSION=${KEDA_VERSION:-2.21.0}

# Programs are kept outside the checkout, each family in a folder that its go.mod and go.sum name: another version is
# another folder, and both stay.
CACHE=${GREENSCALE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/greenscale}/cluster
STATE=${GREENSCALE_STATE:-/tmp/greenscale-e2e}
FAMILIES=("kubernetes-$KUBERNETES_VERSION" etcd containerd pause cni coredns buildkit "keda-$KEDA_VERSION")

# The node is in a network namespace of its own, joined to the host by a pair of devices.
NETNS=greenscale-e2e HOST_DEVICE=gs-host NODE_DEVICE=gs-node
HOST_ADDRESS=10.99.0.1 NODE_ADDRESS=10.99.0.2
CONTAINERD_STATE=/run/greenscale-e2e
CONTAINERD=$CONTAINERD_STATE/containerd.sock

programs_of() { # FAMILY: the folder of its programs
  echo "$CACHE/$1-$(cat "$here/go/$1/go.mod" "$here/go/$1/go.sum" 2>/dev/null | sha256sum | cut -c1-12)"
}

program() { # NAME: its path
  local family
  for family in "${FAMILIES[@]}"; do
    [ -x "$(programs_of "$family")/$1" ] && { echo "$(programs_of "$family")/$1"; return; }
  done
  echo "the program $1 is missing: run $here/build" >&2
  return 1
}

need_packages() { # COMMAND=PACKAGE...: installs what is missing
  local pair missing=()
  for pair in "$@"; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}"); done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing ${missing[*]} ..." >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >&2
}

inside() { nsenter --net="/run/netns/$NETNS" "$@"; } # not `ip netns exec`, which mounts another /sys: no cgroups there

start() { # NAME COMMAND...: in the node's network; its process id and its log are kept
  local name=$1
  shift
  setsid nsenter --net="/run/netns/$NETNS" "$@" >"$STATE/log/$name.log" 2>&1 &
  remember "$name" $!
}

started_at() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null; } # PROCESS: in ticks since the machine started

remember() { echo "$2 $(started_at "$2")" >"$STATE/pid/$1"; } # NAME PROCESS

alone() { # ARGUMENTS...: one `up` or `down` at a time; -o, or the cluster would hold the lock
  # They take no argument: whoever gives one asks for help.
  if [ $# -gt 0 ]; then
    sed -n '2,/^[^#]/s/^# //p' "$0" >&2
    [ "$1" = --help ]
    exit
  fi
  [ -n "${GREENSCALE_E2E_LOCKED:-}" ] && return
  exec env GREENSCALE_E2E_LOCKED=1 flock -o /tmp/greenscale-e2e.lock "$0" "$@"
}

stop() { # NAME: asks it to end, waits, insists
  local pid began
  read -r pid began 2>/dev/null <"$STATE/pid/$1" || return 0
  rm -f "$STATE/pid/$1"
  [ "$(started_at "$pid")" = "$began" ] || return 0 # the number is another process' by now
  kill "$pid" 2>/dev/null
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null || true
}

wait_for() { # WHAT COMMAND...: until it succeeds
  local what=$1
  shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "no answer from $what; see $STATE/log" >&2
  return 1
}

ctr() { "$(program ctr)" -a "$CONTAINERD" -n k8s.io "$@"; }

keda_module() { # the folder of KEDA's module, which carries its manifests; downloaded where only programs were kept
  (cd "$here/go/keda-$KEDA_VERSION" && go mod download github.com/kedacore/keda/v2 && go list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)
}
