#!/usr/bin/env bash
# Makes libhybridbuffer-dev, installs it with dpkg into a root of its own, builds a CMake project and a pkg-config program with what lies
# there, and removes it again.
#
#   check_debian.sh SOURCE_DIRECTORY WORK_DIRECTORY VERSION CMAKE COMPILER
set -euo pipefail
source="$1"
work="$2"
version="$3"
cmake="$4"
compiler="$5"
root="$work/root"

fail() {
  echo "check_debian.sh: $*" >&2
  exit 1
}

for program in dpkg dpkg-deb pkg-config; do
  command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
done
rm -rf "$work"
mkdir -p "$root/var/lib/dpkg/"{info,updates}
touch "$root/var/lib/dpkg/status"

"$cmake" -S "$source" -B "$work/build" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" -D HYBRIDBUFFER_BUILD_TESTS=OFF \
  -D HYBRIDBUFFER_BUILD_CONFORMANCE=OFF -D HYBRIDBUFFER_BUILD_BENCHMARKS=OFF -D HYBRIDBUFFER_BUILD_DOCS=OFF >"$work/log"
(cd "$work/build" && "$(dirname "$cmake")/cpack" -G DEB) >>"$work/log" || { cat "$work/log"; fail "cpack failed"; }

package="$work/build/libhybridbuffer-dev_${version}_all.deb"
[[ "$(find "$work/build" -maxdepth 1 -name '*.deb')" == "$package" ]] || fail "not just $package: $(ls "$work/build"/*.deb)"
field() { dpkg-deb --field "$package" "$1"; }
[[ "$(field Architecture)" == all ]] || fail "headers are of no architecture, this package is: $(field Architecture)"
[[ "$(field Version)" == "$version" ]] || fail "Version: $(field Version)"
[[ -z "$(field Depends)" ]] || fail "the core needs nothing but a compiler, this package: $(field Depends)"
[[ "$(field Recommends)" == g++* ]] || fail "Recommends: $(field Recommends)"
# Every package that the CMake package looks for is one that the user is told of.
for library in range-v3 isal ssl zstd lz4 snappy zlib1g xxhash curl4-openssl expat1 hiredis; do
  [[ "$(field Suggests)" == *"$library"* ]] || fail "Suggests names no package of $library: $(field Suggests)"
done

install=(dpkg --root="$root" --force-not-root --force-script-chrootless --log=/dev/null)
"${install[@]}" --install "$package" >>"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg refused it"; }
documentation="$root/usr/share/doc/libhybridbuffer-dev"
for file in copyright README.md docs/guide.md docs/CHANGELOG.md docs/examples/quick_start.cpp; do
  [[ -s "$documentation/$file" ]] || fail "the documentation has no $file"
done
grep -q '^License: Expat$' "$documentation/copyright" || fail "the copyright file names no licence"

"$cmake" -S "$source/conformance/consumer/project" -B "$work/consumer" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" \
  -D CMAKE_PREFIX_PATH="$root/usr" >>"$work/log"
"$cmake" --build "$work/consumer" --target consumer >>"$work/log" || { cat "$work/log"; fail "a project does not build with the package"; }
"$work/consumer/consumer" >/dev/null || fail "what was built with the package does not run"

# The modules lie elsewhere than where they will be installed for good, and say so.
export PKG_CONFIG_PATH="$root/usr/share/pkgconfig"
for module in "$PKG_CONFIG_PATH"/*.pc; do
  name="$(basename "$module" .pc)"
  pkg-config --validate "$name" || fail "$name.pc is not valid"
  [[ "$(pkg-config --modversion "$name")" == "$version" ]] || fail "$name.pc is of another version"
done
program="$source/conformance/consumer/project/checksum.cpp"
read -ra flags <<<"$(pkg-config --cflags --libs hybridbuffer-checksum)"
[[ "${flags[*]}" == *"-lisal"* ]] || fail "hybridbuffer-checksum does not bring its library: ${flags[*]}"
include="$(realpath "$(pkg-config --variable=includedir hybridbuffer)")"
[[ "$include" == "$(realpath "$root")/usr/include" ]] || fail "the headers are said to be in $include"
"$compiler" -std=c++2b "$program" -o "$work/program" "${flags[@]}" && "$work/program" || fail "pkg-config's flags do not do"

"${install[@]}" --purge libhybridbuffer-dev >>"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg could not remove it"; }
[[ -z "$(find "$root" -path "$root/var" -prune -o -type f -print)" ]] || fail "left behind: $(find "$root/usr" -type f)"
rm -rf "$work"
echo "libhybridbuffer-dev $version: made, installed, used, removed"
