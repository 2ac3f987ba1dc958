#!/usr/bin/env bash
# Measures our stack beside gVisor's netstack and the kernel, each speaking to the kernel
# over a veth pair between two network namespaces of its own. Needs root, Linux with
# MPTCP, iproute2 and ethtool.
#
#   scripts/perf-live.sh [ROUNDS [SECONDS]]
#
# runs every case once in each of ROUNDS (5) rounds, SECONDS (2) a case, and prints the
# medians of goodput (Gbit/s) and of CPU-seconds, user and system, of the process that is
# measured for each GB it moved. "in" is what it receives, "out" what it sends. CASES, an
# extended regular expression, picks some of the cases: "ours TCP off in" is one.
#
# Offload: "off" is a device that cuts and sums nothing, and user space that asks for no
# such thing; "soft" the same device, but with the virtio-net header, so that the kernel
# cuts in software; "on" a device that does both. A veth pair carries what is not cut.
set -euo pipefail

rounds=${1:-5}
seconds=${2:-2}
cases=${CASES:-.}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/perf-lab.sh"
for ns in "$near" "$far"; do
	ip netns exec "$ns" sysctl -qw net.ipv4.tcp_rmem='4096 131072 33554432' net.ipv4.tcp_wmem='4096 65536 33554432'
done
cable
ip -n "$far" addr add 10.7.0.3/24 dev right # the same, with Multipath TCP

serve() {
	ip netns exec "$far" "$work/live" "$@" &
	pids+=($!)
}
serve -serve 10.7.0.2
serve -serve 10.7.0.3 -mptcp
ip netns exec "$near" "$work/live" -serve 0.0.0.0 -mptcp & # behind the TUN device
pids+=($!)
sleep 0.5

offload() { # offload on|off: of both ends of the veth pair
	for end in "$near left" "$far right"; do
		set -- "$1" $end
		ip netns exec "$2" ethtool -K "$3" tso "$1" gso "$1" gro "$1" tx "$1" rx "$1" >/dev/null 2>&1 || true
	done
}

# name | offload | arguments
tun='-link tun:mplive,10.7.9.2/24 -peer 10.7.9.1'
list="
gvisor TCP|off|-stack gvisor -peer 10.7.0.2
ours MPTCP|off|-stack ours -mptcp -peer 10.7.0.3
ours MPTCP, checksums|off|-stack ours -mptcp -checksum -peer 10.7.0.3
ours TCP|off|-stack ours -peer 10.7.0.2
kernel MPTCP|off|-stack kernel -mptcp -peer 10.7.0.3
gvisor TCP|soft|-stack gvisor -peer 10.7.0.2
ours MPTCP|soft|-stack ours -mptcp -peer 10.7.0.3
gvisor TCP|on|-stack gvisor -peer 10.7.0.2
ours MPTCP|on|-stack ours -mptcp -peer 10.7.0.3
ours MPTCP, checksums|on|-stack ours -mptcp -checksum -peer 10.7.0.3
ours TCP|on|-stack ours -peer 10.7.0.2
ours MPTCP over TUN|off|-stack ours -mptcp $tun
ours MPTCP over TUN|on|-stack ours -mptcp $tun
kernel MPTCP|on|-stack kernel -mptcp -peer 10.7.0.3
"
for ((round = 1; round <= rounds; round++)); do
	while IFS='|' read -r name off args; do
		[[ -n $name ]] || continue
		offload "$([[ $off == on ]] && echo on || echo off)"
		for dir in in out; do
			[[ "$name $off $dir" =~ $cases ]] || continue
			# shellcheck disable=SC2086
			result=$(ip netns exec "$near" timeout 60 "$work/live" $args -dir "$dir" -offload="$([[ $off == off ]] && echo false || echo true)" \
				-seconds "$seconds" ${EXTRA:-} 2>"$work/err") || result="0 0 failed: $(tail -1 "$work/err")"
			echo "$off|$dir|$name|$result" >>"$work/results"
			echo "round $round: offload $off $dir $name: $result" >&2
		done
	done <<<"$list"
done

[ -s "$work/results" ] || { echo "perf-live: no case has the form '$cases'" >&2; exit 2; }
echo "| offload | direction | stack | Gbit/s | CPU-s/GB |"
echo "| --- | --- | --- | --- | --- |"
cut -d'|' -f1-3 "$work/results" | awk '!seen[$0]++' | while IFS='|' read -r off dir name; do
	median() { grep -F "$off|$dir|$name|" "$work/results" | cut -d'|' -f4 | awk -v f="$1" '{print $f}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }
	echo "| $off | $dir | $name | $(median 1) | $(median 2) |"
done
