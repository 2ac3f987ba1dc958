#!/usr/bin/env bash
# Measures how much of two shaped paths one connection of our stack uses together: two
# veth pairs between two network namespaces of its own, each with a token bucket at both
# ends, the kernel's Multipath TCP on the far side. Needs root, Linux with MPTCP and
# iproute2.
#
#   scripts/perf-paths.sh [ROUNDS [SECONDS]]
#
# runs each direction over one path and over both in each of ROUNDS (5) rounds, SECONDS
# (3) each, and prints the median goodputs in Gbit/s. RATE (100mbit) is that of a path.
set -euo pipefail

rounds=${1:-5}
seconds=${2:-3}
rate=${RATE:-100mbit}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/perf-lab.sh"
for i in 1 2; do
	ip -n "$near" link add "left$i" type veth peer name "right$i" netns "$far"
	ip -n "$near" addr add "10.$i.0.1/24" dev "left$i"
	ip -n "$far" addr add "10.$i.0.3/24" dev "right$i"
	ip -n "$near" link set "left$i" up
	ip -n "$far" link set "right$i" up
	tc -n "$near" qdisc add dev "left$i" root tbf rate "$rate" burst 128k latency 30ms
	tc -n "$far" qdisc add dev "right$i" root tbf rate "$rate" burst 128k latency 30ms
done
ip -n "$far" mptcp limits set subflow 4 add_addr_accepted 4
ip -n "$far" mptcp endpoint add 10.2.0.3 dev right2 signal
ip netns exec "$far" "$work/live" -serve 10.1.0.3 -mptcp &
pids+=($!)
sleep 0.5

one='-link raw:left1,10.1.0.9/24'
both="$one -link2 raw:left2,10.2.0.9/24"
for ((round = 1; round <= rounds; round++)); do
	for dir in in out; do
		for paths in "one|$one" "both|$both"; do
			# shellcheck disable=SC2086
			result=$(ip netns exec "$near" timeout 60 "$work/live" -mptcp -peer 10.1.0.3 -dir "$dir" -seconds "$seconds" ${paths#*|})
			echo "$dir ${paths%%|*} $result" | tee -a "$work/results" >&2
		done
	done
done
median() { grep "^$1 $2 " "$work/results" | awk '{print $3}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }
echo "| direction | one path | both | of the sum |"
echo "| --- | --- | --- | --- |"
for dir in in out; do
	a=$(median "$dir" one) b=$(median "$dir" both)
	echo "| $dir | $a | $b | $(awk -v a="$a" -v b="$b" 'BEGIN {printf "%.0f %%", 50*b/a}') |"
done
