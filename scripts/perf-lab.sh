# shellcheck shell=bash disable=SC2034
# Sourced by the scripts that measure live: bench/live in $work, network namespaces $near and
# $far, and both, with what is in pids, gone at the end.
cd "$(dirname "$0")/.."
for tool in ip tc ethtool go; do
	command -v "$tool" >/dev/null || { echo "$(basename "$0" .sh): $tool is missing" >&2; exit 2; }
done
id=mp$$
near=$id-n far=$id-f
work=$(mktemp -d)
pids=()
stop() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	pids=()
}
cleanup() {
	stop
	for ns in "$near" "$far"; do ip netns del "$ns" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

(cd bench && go build -o "$work/live" ./live)
for ns in "$near" "$far"; do
	ip netns add "$ns"
	ip -n "$ns" link set lo up
done

# cable joins the two by a veth pair, 10.7.0.1/24 and 10.7.0.2/24.
cable() {
	ip -n "$near" link add left type veth peer name right netns "$far"
	ip -n "$near" addr add 10.7.0.1/24 dev left
	ip -n "$far" addr add 10.7.0.2/24 dev right
	ip -n "$near" link set left up
	ip -n "$far" link set right up
}
