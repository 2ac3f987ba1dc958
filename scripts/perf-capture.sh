#!/usr/bin/env bash
# Makes captures to measure with: bulk data over one MPTCP connection of two subflows,
# sent by the kernel and iperf3 in network namespaces of its own, cut to 128 octets a
# packet. Needs root, Linux with MPTCP, iproute2, iperf3, ethtool, tcpdump and mptcpize.
#
#   scripts/perf-capture.sh [DIR [PACKETS]]
#
# writes DIR/500k.pcap, DIR/2m.pcap and DIR/6m.pcap: the first 0.5, 2 and 6 million
# packets of one run. PACKETS (6000000) ends the run earlier, and then only what is
# reached is written. DIR is ${TMPDIR:-/tmp}/mptcp-perf where none is given. With
# RATES="1gbit 600mbit" in the environment the two paths have bottlenecks of these rates.
set -euo pipefail

dir=${1:-${TMPDIR:-/tmp}/mptcp-perf}
packets=${2:-6000000}
snaplen=128
mkdir -p "$dir"

for tool in ip ethtool iperf3 tcpdump mptcpize; do
	command -v "$tool" >/dev/null || { echo "perf-capture: $tool is missing" >&2; exit 2; }
done

# client ==two links== router --one link-- server: the last link shows both subflows.
id=mpperf$$
client=$id-c router=$id-r server=$id-s
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	for ns in "$client" "$router" "$server"; do ip netns del "$ns" 2>/dev/null || true; done
}
trap cleanup EXIT
trap 'exit 130' INT TERM

for ns in "$client" "$router" "$server"; do
	ip netns add "$ns"
	ip -n "$ns" link set lo up
done
link() { # link NS1 DEV1 ADDR1 NS2 DEV2 ADDR2
	ip -n "$1" link add "$2" type veth peer name "$5" netns "$4"
	for end in "$1 $2 $3" "$4 $5 $6"; do
		set -- $end
		ip -n "$1" addr add "$3" dev "$2"
		ip -n "$1" link set "$2" up
		# Packets as they are on a wire, not as the kernel likes to batch them.
		ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null 2>&1 ||
			ip netns exec "$1" ethtool -K "$2" tso off gso off gro off >/dev/null
	done
}
link "$client" one 10.9.1.2/24 "$router" one 10.9.1.1/24
link "$client" two 10.9.2.2/24 "$router" two 10.9.2.1/24
link "$router" out 10.9.3.1/24 "$server" in 10.9.3.2/24
ip netns exec "$router" sysctl -qw net.ipv4.ip_forward=1
if [ -n "${RATES:-}" ]; then # bottlenecks with short queues, so that segments get lost
	ip netns exec "$router" tc qdisc add dev out root handle 1: htb
	path=0
	for rate in $RATES; do
		path=$((path + 1))
		ip netns exec "$router" tc class add dev out parent 1: classid "1:$path" htb rate "$rate" quantum 60000
		ip netns exec "$router" tc qdisc add dev out parent "1:$path" pfifo limit 300
		ip netns exec "$router" tc filter add dev out parent 1: protocol ip u32 \
			match ip src "10.9.$path.2/32" flowid "1:$path"
	done
fi
ip -n "$server" route add default via 10.9.3.1
ip -n "$client" route add default via 10.9.1.1
ip -n "$client" rule add from 10.9.2.2 table 2
ip -n "$client" route add default via 10.9.2.1 table 2
for ns in "$client" "$server"; do
	ip netns exec "$ns" sysctl -qw net.mptcp.enabled=1
	ip -n "$ns" mptcp limits set subflow 2 add_addr_accepted 2
done
ip -n "$client" mptcp endpoint add 10.9.2.2 dev two subflow

ip netns exec "$server" mptcpize run iperf3 -s >/dev/null 2>&1 &
pids+=($!)
ip netns exec "$server" tcpdump -Z root -p -n -i in -s "$snaplen" -B 131072 -c "$packets" \
	-w "$dir/whole.pcap" tcp 2>"$dir/tcpdump.log" &
dump=$!
pids+=("$dump")
for _ in $(seq 100); do # the handshake belongs to the capture
	grep -q listening "$dir/tcpdump.log" && break
	sleep 0.1
done
sleep 0.5

# iperf3 sends until tcpdump has seen enough.
ip netns exec "$client" mptcpize run iperf3 -c 10.9.3.2 -t 600 >"$dir/iperf3.log" 2>&1 &
load=$!
pids+=("$load")
for _ in $(seq 600); do
	kill -0 "$dump" 2>/dev/null || break
	kill -0 "$load" 2>/dev/null || { cat "$dir/iperf3.log" >&2; exit 1; }
	sleep 1
done
kill -0 "$dump" 2>/dev/null && { echo "perf-capture: not enough packets in ten minutes" >&2; exit 1; }
cat "$dir/tcpdump.log" >&2

for size in 500k:500000 2m:2000000; do
	[ "${size#*:}" -lt "$packets" ] || continue
	tcpdump -Z root -r "$dir/whole.pcap" -c "${size#*:}" -w "$dir/${size%:*}.pcap" 2>/dev/null
done
case $packets in
6000000) mv "$dir/whole.pcap" "$dir/6m.pcap" ;;
2000000) mv "$dir/whole.pcap" "$dir/2m.pcap" ;;
500000) mv "$dir/whole.pcap" "$dir/500k.pcap" ;;
*) mv "$dir/whole.pcap" "$dir/$packets.pcap" ;;
esac
rm -f "$dir/tcpdump.log" "$dir/iperf3.log"
ls -l "$dir"/*.pcap
