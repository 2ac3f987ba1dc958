#!/usr/bin/env bash
# Measures mpdecode side by side with tcptrace, tcpdump and tshark on the captures that
# perf-capture.sh makes: interleaved rounds on one core, CPU time (user and system),
# medians. Prints the table of docs/performance.md and the ratios against their goals.
#
#   scripts/perf-compare.sh [DIR [ROUNDS]]
#
# DIR is ${TMPDIR:-/tmp}/mptcp-perf where none is given; ROUNDS is 5. tshark is slow, so
# it gets one round, over the first 200,000 packets; TSHARK=all gives it all of them.
# Environment: MPDECODE, a binary to measure instead of building this tree's;
# STRICT=1, exit 1 if a goal is missed.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-${TMPDIR:-/tmp}/mptcp-perf}
rounds=${2:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in tcptrace tcpdump tshark capinfos taskset /usr/bin/time; do
	command -v "$tool" >/dev/null || { echo "perf-compare: $tool is missing" >&2; exit 2; }
done
[ -f "$dir/2m.pcap" ] || { echo "perf-compare: no $dir/2m.pcap: run scripts/perf-capture.sh" >&2; exit 2; }
mkdir "$work/bin"
mpdecode=${MPDECODE:-$work/bin/mpdecode}
[ -n "${MPDECODE:-}" ] || (cd "$root" && go build -o "$mpdecode" ./cmd/mpdecode)

packets() { capinfos -c -M -T -r -m "$1" | cut -d, -f2; }

# measure NAME PACKETS COMMAND...: appends the CPU time in ns a packet and the peak
# memory in KB to $work/NAME.
measure() {
	local name=$1 count=$2 status=0
	shift 2
	TIMEFORMAT='%3U %3S'
	{ time taskset -c 0 /usr/bin/time -q -o "$work/rss" -f %M "$@" >/dev/null 2>"$work/stderr"; } 2>"$work/cpu" || status=$?
	# 1 means findings, for mpdecode; the others have no such code.
	if [ "$status" -gt 1 ]; then
		cat "$work/stderr" >&2
		echo "perf-compare: $*: exit code $status" >&2
		exit 1
	fi
	awk -v n="$count" -v kb="$(tail -n 1 "$work/rss")" '{ printf "%.1f %d\n", ($1 + $2) * 1e9 / n, kb }' "$work/cpu" >>"$work/$name"
}
median() { # median NAME COLUMN
	cut -d' ' -f"$2" "$work/$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

file=$dir/2m.pcap
count=$(packets "$file")
slice=$file slicecount=$count
if [ "${TSHARK:-}" != all ]; then
	slice=$work/slice.pcap slicecount=200000
	tcpdump -Z root -r "$file" -c "$slicecount" -w "$slice" 2>/dev/null
fi
cat "$file" >/dev/null # into the page cache
for _ in $(seq "$rounds"); do
	measure mpdecode "$count" "$mpdecode" "$file"
	measure tcptrace "$count" tcptrace -n "$file"
	measure tcpdump "$count" tcpdump -Z root -nn -r "$file"
done
measure tshark "$slicecount" tshark -q -z conv,mptcp -r "$slice"

echo "$count packets, $(stat -c %s "$file") octets, $rounds rounds, tshark over $slicecount packets"
echo
echo "| program | ns a packet | peak memory | mpdecode is faster by | goal |"
echo "| --- | --- | --- | --- | --- |"
failed=0
row() { # row NAME TITLE GOAL
	local ns ratio verdict
	ns=$(median "$1" 1)
	ratio=$(awk -v a="$ns" -v b="$(median mpdecode 1)" 'BEGIN { printf "%.2f", a / b }')
	verdict="$3x"
	if awk -v r="$ratio" -v g="$3" 'BEGIN { exit !(r < g) }'; then
		verdict="$3x: missed" failed=1
	fi
	echo "| \`$2\` | $ns | $(($(median "$1" 2) / 1024)) MB | ${ratio}x | $verdict |"
}
echo "| \`mpdecode\` | $(median mpdecode 1) | $(($(median mpdecode 2) / 1024)) MB | | |"
row tcptrace "tcptrace -n" 2
row tcpdump "tcpdump -nn -r" 15
row tshark "tshark -q -z conv,mptcp -r" 100

echo
echo "| packets | mpdecode, ns a packet | peak memory |"
echo "| --- | --- | --- |"
for size in 500k 2m 6m; do
	[ -f "$dir/$size.pcap" ] || continue
	n=$(packets "$dir/$size.pcap")
	cat "$dir/$size.pcap" >/dev/null
	for _ in 1 2 3; do measure "size-$size" "$n" "$mpdecode" "$dir/$size.pcap"; done
	kb=$(median "size-$size" 2)
	echo "| $n | $(median "size-$size" 1) | $(awk -v k="$kb" 'BEGIN { printf "%.1f", k / 1024 }') MB |"
	[ "$kb" -le $((32 * 1024)) ] || failed=1
done
[ -z "${STRICT:-}" ] || exit "$failed"
