#!/usr/bin/env bash
# Installs the packages of the named groups that are missing. Says nothing when none is.
#
#   scripts/setup.sh [GROUP…]        the groups stand in scripts/packages.txt; without one: what building and testing everything needs
set -euo pipefail
list="$(dirname "${BASH_SOURCE[0]}")/packages.txt"

[[ $# -gt 0 ]] || set -- build test lint docs benchmark report
for group in "$@"; do
  grep -q "^\[$group\]" "$list" || { echo "setup.sh: no group '$group' in $list" >&2; exit 2; }
done

wanted=()
while read -r word _; do
  case "$word" in
    '' | '#'*) ;;
    '['*) group="${word//[\[\]]/}" ;;
    *) if [[ " $* " == *" $group "* ]]; then wanted+=("$word"); fi ;;
  esac
done <"$list"

if ! command -v dpkg-query >/dev/null; then
  echo "setup.sh: no Debian here, so nothing is installed. Needed are the counterparts of: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "setup.sh: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

echo "Installing: ${missing[*]}" >&2
log="$(mktemp)"
policy=/usr/sbin/policy-rc.d
made_policy=
leave() {
  rm -f "$log"
  if [[ -n "$made_policy" ]]; then "${as_root[@]}" rm -f "$policy"; fi
}
trap leave EXIT
# Some packages hold daemons. The tests start their own, so none is to be started by its package: Debian's invoke-rc.d asks this program.
if [[ ! -e "$policy" ]]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
install_packages() {
  "${as_root[@]}" apt-get -q update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
}
if ! install_packages >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  echo "setup.sh: could not install: ${missing[*]}" >&2
  exit 1
fi
