#!/usr/bin/env bash
# Fails when a program that consists of a harness and HYBRIDBUFFER_CONFORMANCE needs 1.5 GiB of memory to be compiled, or includes range-v3
# or Boost: clauses belong into the library, not into everybody's compilation.
#
#   check_one_line_program.sh PROGRAM.cpp COMPILER [FLAG…]
set -euo pipefail
program="$1"
shift

(ulimit -v 1572864 && "$@" -O2 -c "$program" -o /dev/null)
included="$("$@" -M "$program" | tr -s ' \\' '\n')"
grep -q '/conformance.hpp$' <<<"$included" || { echo "the compiler did not list what is included"; exit 1; }
if found="$(grep -E '/(range/v3|boost)/' <<<"$included")"; then
  echo "included:" $found
  exit 1
fi
