#!/usr/bin/env bash
# Measures how fast connections are taken: by our stack and gVisor's netstack on a packet
# socket, and by the kernel, the kernel in another network namespace opening them over a
# veth pair. Needs root, Linux with MPTCP, iproute2 and ethtool.
#
#   scripts/perf-setup.sh [ROUNDS [SECONDS]]
#
# prints medians of ROUNDS (5) interleaved rounds: the time from SYN to SYN/ACK as the
# opener's kernel measures it, median and 99th percentile, and connections a second with
# four threads opening, for SECONDS (2).
set -euo pipefail

rounds=${1:-5}
seconds=${2:-2}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/perf-lab.sh"
# The opener's ports must not run out, nor be searched for long.
ip netns exec "$far" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_max_tw_buckets=1024
cable
ip netns exec "$near" ethtool -K left tx off rx off >/dev/null
ip netns exec "$far" ethtool -K right tx off rx off >/dev/null

# name | address of the listener | its arguments | the opener's
list="
gvisor TCP|10.7.0.9|-stack gvisor -addr 10.7.0.9/24|
ours TCP|10.7.0.10|-stack ours -addr 10.7.0.10/24|
ours MPTCP|10.7.0.11|-stack ours -mptcp -addr 10.7.0.11/24|-mptcp
kernel TCP|10.7.0.1|-stack kernel -addr 10.7.0.1/24|
kernel MPTCP|10.7.0.1|-stack kernel -mptcp -addr 10.7.0.1/24|-mptcp
"
for ((round = 1; round <= rounds; round++)); do
	while IFS='|' read -r name addr args opener; do
		[[ -n $name ]] || continue
		# shellcheck disable=SC2086
		ip netns exec "$near" "$work/live" -listen $args -offload=false 2>"$work/err" &
		pids=($!)
		sleep 0.5
		# shellcheck disable=SC2086
		result=$(ip netns exec "$far" timeout 60 "$work/live" -connect "$addr:5003" -seconds "$seconds" $opener 2>&1) || result="0 0 0 failed $(tail -1 "$work/err")"
		stop
		echo "$name|$result" >>"$work/results"
		echo "round $round: $name: $result" >&2
	done <<<"$list"
done

echo "| stack | SYN to SYN/ACK, p50 (us) | p99 (us) | connections/s |"
echo "| --- | --- | --- | --- |"
cut -d'|' -f1 "$work/results" | awk '!seen[$0]++' | while read -r name; do
	median() { grep -F "$name|" "$work/results" | cut -d'|' -f2 | awk -v f="$1" '{print $f}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }
	echo "| $name | $(median 1) | $(median 2) | $(median 3) |"
done
