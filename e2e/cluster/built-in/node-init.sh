#!/bin/sh
# Pid 1 of a node, inside network, PID, mount, UTS and IPC namespaces of its own (node.ts starts it). A shell, because
# pid 1 must also collect the orphans of containerd. containerd, kubelet and kube-proxy share one mount namespace: runc
# must see the volumes that the kubelet mounts.
#   node-init.sh NODE-DIRECTORY BINARIES NODE ADDRESS GATEWAY POD-CIDR-OF-CLUSTER ZONE REGION ROUTE...
#   a ROUTE is "CIDR ADDRESS": the pods of another node and the way to them
set -eu
directory=$1 binaries=$2 node=$3 address=$4 gateway=$5 pods=$6 zone=$7 region=$8
shift 8

wait_for() { # SECONDS WHAT COMMAND...
  left=$(($1 * 10)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "gave up waiting for $what" >&2; exit 1; }
    sleep 0.1
  done
}

# Runtime state is private and in memory, so that a node that lost its power has lost it too. What a disk would keep
# (images, volumes, pod folders, logs) is the node's directory, at /run/node inside. The host's own /var/lib stays
# untouched, and the paths of sockets stay short wherever the directory lies.
private_mounts() {
  mount -t proc proc /proc
  mkdir -p "$directory/var-lib/kubelet" "$directory/log"
  mount -t tmpfs tmpfs /run
  mkdir /run/node /run/bin /run/lock
  mount --bind "$directory" /run/node
  mount --bind "$binaries" /run/bin
  mount --bind /run/node/var-lib /var/lib
  mount --bind /run/node/log /var/log
  # unshare made every mount private; pods with mountPropagation need them shared inside the node.
  mount --make-rshared /
  hostname "$node"
}

network() {
  ip link set lo up
  wait_for 20 "the link to the host" ip link show eth0
  ip addr add "$address/24" dev eth0
  ip link set eth0 up
  # Not sysctl, which Debian has in a package of its own.
  echo 1 >/proc/sys/net/ipv4/ip_forward
  ip route add default via "$gateway"
  for route in "$@"; do # plain routes between the nodes instead of an overlay
    ip route add "${route% *}" via "${route#* }"
  done
}

# Hands the first packet of every forwarded connection to the policy engine, which reads queue 100. The engine's own
# nftables rules need nft_queue, which not every kernel has. The kubelet's probes start on the node itself (OUTPUT) and
# so are never blocked. --queue-bypass: without the engine everything passes.
policy_queue() {
  iptables -N POLICY
  iptables -A POLICY -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
  iptables -A POLICY -j NFQUEUE --queue-num 100 --queue-bypass
  iptables -A FORWARD -j POLICY
}

import_images() {
  for archive in /run/node/images/*.tar; do
    [ -f "$archive" ] || continue
    [ -f "$archive.imported" ] && continue
    ctr --address /run/node/containerd.sock --namespace k8s.io images import "$archive"
    touch "$archive.imported"
  done
}

run() { # LOG COMMAND...
  log=/run/node/log/$1.log
  shift
  "$@" >>"$log" 2>&1 &
}

private_mounts
network "$@"
rm -f /run/node/containerd.sock
run containerd containerd --config /run/node/containerd.toml
wait_for 30 containerd test -S /run/node/containerd.sock
policy_queue
import_images
touch /run/node/running
# A kubelet that meets a refusal backs off for seconds.
wait_for 90 "the API" test -f /run/node/api-ready
# --conntrack-max-per-core=0: otherwise it writes a limit that only the first network namespace may write, and ends.
run kube-proxy /run/bin/kube-proxy --kubeconfig=/run/node/pki/kube-proxy.conf --hostname-override="$node" \
  --cluster-cidr="$pods" --proxy-mode=nftables --conntrack-max-per-core=0
run network-policies /run/bin/network-policies --kubeconfig=/run/node/pki/network-policies.conf --node="$node"
run kubelet /run/bin/kubelet --config=/run/node/kubelet.yaml --kubeconfig="/run/node/pki/$node.conf" \
  --hostname-override="$node" --node-ip="$address" \
  --node-labels="topology.kubernetes.io/zone=$zone,topology.kubernetes.io/region=$region"
# As long as anything runs; the shell collects orphans meanwhile.
while :; do wait; sleep 5; done
