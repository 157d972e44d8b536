#!/usr/bin/env bash
# Puts the tests of the transforms to the test: each mutant is a header with one change that breaks a promise, and the test that is named
# with it must fail. The headers themselves are left alone: a changed copy is put before them on the include path.
#
#   mutants.sh PROJECT JOBS LIST LIBRARIES COMPILER [FLAG…]      LIST: a file of lines `mutant NAME HEADER FROM TO TEST`
set -euo pipefail
project="$1"
jobs="$2"
list="$3"
read -ra libraries <<<"$4"
shift 4
compiler=("$@")
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Compiles one mutant and runs its test.   try NAME HEADER FROM TO TEST
try() {
  local name="$1" header="$2" from="$3" to="$4" test="$5"
  local place="$work/$name" original="$project/include/hybridbuffer/$2" text changed
  text="$(<"$original")"
  changed="${text/"$from"/"$to"}"
  [[ "$changed" != "$text" ]] || { echo "$name: $header has no such line any more: $from"; return 1; }
  [[ "${text#*"$from"}" != *"$from"* ]] || { echo "$name: $header has it more than once: $from"; return 1; }
  mkdir -p "$place/hybridbuffer/$(dirname "$header")"
  printf '%s\n' "$changed" >"$place/hybridbuffer/$header"
  if ! "${compiler[@]}" -I "$place" -I "$project/include" -DBOOST_TEST_DYN_LINK= "$project/conformance/transforms/${test}_test.cpp" \
    "$work/test_main.o" -o "$place/test" -lboost_unit_test_framework "${libraries[@]}" -pthread 2>"$place/errors"; then
    echo "$name: does not compile: $(head -n 3 "$place/errors")"
    return 1
  fi
  if timeout 60 "$place/test" >"$place/output" 2>&1; then
    echo "$name: survives transforms.$test"
    return 1
  fi
  echo "$name: found by transforms.$test"
}

"${compiler[@]}" -DBOOST_TEST_DYN_LINK -c "$project/conformance/support/test_main.cpp" -o "$work/test_main.o"
failed=0
count=0
mutant() {
  count=$((count + 1))
  while (($(jobs -rp | wc -l) >= jobs)); do wait -n || failed=1; done
  try "$@" &
}

# shellcheck source=/dev/null
source "$list"

while [[ -n "$(jobs -rp)" ]]; do wait -n || failed=1; done
for job in $(jobs -p); do wait "$job" || failed=1; done
echo "$count mutants"
exit "$failed"
