#!/bin/sh
# Two hosts on one machine: network namespaces with addresses and names of their own, joined by a cable (a veth pair).
# Runs an Open MPI command on the first one, which spreads its ranks over both, in turn. Needs root.
#   scripts/twoHosts.sh [--rate 100mbit] mpirun -n 2 npx plusminus train …
# Files are seen by both, as on NFS. At the end it says how many bytes went each way.
set -eu

# The stand-in for ssh: twoHosts.sh --enter ADDRESS COMMAND runs it on that host.
if [ "${1:-}" = --enter ]; then
  address=$2
  shift 2
  exec nsenter "--net=/run/netns/$address" unshare --uts sh -c "hostname node${address##*.}; $*"
fi

rate=
if [ "${1:-}" = --rate ]; then
  rate=$2
  shift 2
fi
[ $# -gt 0 ] || { echo "twoHosts.sh: found no command; expected one that starts with mpirun" >&2; exit 2; }

net=10.$(($$ % 200 + 20)).$(($$ / 200 % 250))
hosts=$(mktemp)
clean() {
  for host in 1 2; do ip netns del "$net.$host" 2>/dev/null || true; done
  rm -f "$hosts"
}
trap clean EXIT
trap 'exit 130' INT TERM

for host in 1 2; do ip netns add "$net.$host"; done
ip link add cable netns "$net.1" type veth peer name cable netns "$net.2"
for host in 1 2; do
  ip -n "$net.$host" link set lo up
  ip -n "$net.$host" address add "$net.$host/24" dev cable
  ip -n "$net.$host" link set cable up
  [ -z "$rate" ] || tc -n "$net.$host" qdisc add dev cable root tbf rate "$rate" burst 64kb latency 100ms
  echo "$net.$host slots=64" >>"$hosts"
done

export OMPI_MCA_plm_rsh_agent="$(readlink -f "$0") --enter" OMPI_MCA_orte_default_hostfile="$hosts"
export OMPI_MCA_btl_tcp_if_include="$net.0/24" OMPI_MCA_oob_tcp_if_include="$net.0/24"
export OMPI_MCA_rmaps_base_mapping_policy=node OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
echo "twoHosts.sh: node1 is $net.1, node2 is $net.2" >&2
quoted=
for word; do quoted="$quoted '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
code=0
"$0" --enter "$net.1" "$quoted" || code=$?
sent() { ip netns exec "$net.$1" cat /sys/class/net/cable/statistics/tx_bytes; }
echo "twoHosts.sh: node1 sent $(sent 1) bytes, node2 $(sent 2)" >&2
exit $code
