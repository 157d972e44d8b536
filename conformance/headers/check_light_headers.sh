#!/usr/bin/env bash
# Fails when a header pulls in, directly or not, what costs every user's compilation dearly. Those that only who asks for them includes may:
# view/, the transforms that encode, S3 and Redis, whose libraries cost more.
#
#   check_light_headers.sh INCLUDE_DIRECTORY COMPILER [FLAG…]
set -euo pipefail
include="$1"
shift
heavy='^(/.*)?/(filesystem|mutex|iostream|functional|fstream|regex)$|/(range/v3|boost)/'
# Of the core also these: <memory> brings streams and locales, <algorithm> the parallel ones; each costs a quarter of all that the core needs,
# <atomic> a twelfth.
core="$include/hybridbuffer/hybrid_buffer.hpp"
heavy_for_core='^(/.*)?/(atomic|memory|algorithm|iterator|ostream|istream|sstream|iomanip|locale|thread|chrono|future|map|unordered_map)$'
# A span whose arguments are deduced (`std::span{array}`) has each of its guides looked at, those for ranges by way of most of <ranges>'
# concepts: a fifteenth of what the core costs, for the first alone. With its element named it costs a third of that.
deduced='std::span(\{|\(| [a-z_]+(\{|\())'
checked=0
failed=0

while read -r header; do
  included="$("$@" -I "$include" -x c++ -M "$header" | tr -s ' \\' '\n')"
  grep -qxF "$header" <<<"$included" || { echo "$header: the compiler did not list what it includes"; exit 1; }
  checked=$((checked + 1))
  pattern="$heavy"
  [[ "$header" != "$core" ]] || pattern="$heavy|$heavy_for_core"
  if found="$(grep -E "$pattern" <<<"$included")"; then
    failed=1
    echo "$header includes:" $found
  fi
  if [[ "$header" == "$core" ]] && found="$(grep -F "$include/" <<<"$included" | xargs grep -nE "$deduced")"; then
    failed=1
    echo "a deduced span in what the core includes: $found"
  fi
done < <(find "$include" -name '*.hpp' | grep -Ev '/(view/|transform/(encrypt|compress)|backend/(s3|redis)|detail/(frame|compress|aead|secret|s3|redis))' | sort)

echo "$checked headers checked"
[[ $failed -eq 0 && $checked -gt 0 && -e "$core" ]]
