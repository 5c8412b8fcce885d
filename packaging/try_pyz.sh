#!/usr/bin/env bash
# Runs dist/cts.pyz as a host would where nothing is installed (-S: no site-packages), in an empty folder that it leaves as it was.
set -euo pipefail
pyz=$(realpath "${1:-"$(dirname "$0")/../dist/cts.pyz"}")
python=${PYTHON:-python3}
[ "$(stat --format %a "$pyz")" = 755 ] || { echo "not everybody may run $pyz"; exit 1; }
cd "$(mktemp -d)"
scratch=$PWD
trap 'rm -rf "$scratch"' EXIT

cts() { "$python" -I -S "$pyz" "$@"; }
SHORT=(--set stream.stream_length=500ms)

cts --version -v | grep --quiet '^plugins .*cts-burst.*cts-pcap.*cts-spread'
cts init loopback
cts sim loopback.toml "${SHORT[@]}" --report report.html --json 2> /dev/null | grep --quiet '"failures": \?\[\]'
# Workers start a Python of their own, which has to find the archive, and a plugin in it.
cts run loopback.toml "${SHORT[@]}" --set run.processes=2 --set sender.strategy=spread --set server.listen=127.0.0.1:0
[ "$(echo *)" = "loopback.toml report.html" ] || { echo "left behind: $(ls)"; exit 1; }
