#!/usr/bin/env bash
# build.sh [PREFIX]: builds the pinned libssh, static, with our patches, into PREFIX (default
# build/libssh/install). Instant when nothing has changed. The source comes from Debian's archive by
# apt, in a state directory of its own; the system's apt configuration isn't touched.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
prefix=${1:-$top/build/libssh/install}
work=$top/build/libssh
# shellcheck source=packaging/libssh/version
. "$here/version"

fail() { echo "libssh: $*" >&2; exit 1; }

stamp=$(cat "$here/version" "$here/build.sh" "$here"/patches/* | sha256sum | cut -d' ' -f1)
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

orig=libssh_$LIBSSH_UPSTREAM.orig.tar.xz
download=$work/download
mkdir -p "$download"

have_source() {
  [ -f "$download/$orig" ] && echo "$LIBSSH_ORIG_SHA256  $download/$orig" | sha256sum --check --status
}

# The mirror that the machine already uses for Debian, if it uses one.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -v -- '-security' | head -n 1 | grep . || echo http://deb.debian.org/debian
}

fetch() {
  local state=$work/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite
  mkdir -p "$state/lists/partial" "$state/cache"
  local options=(-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root -qq)
  for suite in sid forky; do
    echo "deb-src [signed-by=$keyring] $(mirror) $suite main" >"$state/sources.list"
    apt-get "${options[@]}" update || continue
    (cd "$download" && apt-get "${options[@]}" --download-only source "libssh=$LIBSSH_DEBIAN") && return
  done
  fail "version $LIBSSH_DEBIAN is not in Debian's archive any more; see HACKING.md on a new version"
}

if ! have_source; then
  echo "libssh: fetching $LIBSSH_DEBIAN"
  fetch
  have_source || fail "$orig is not what packaging/libssh/version says"
fi

source=$work/libssh-$LIBSSH_UPSTREAM
rm -rf "$source" "$work/cmake"
tar -xf "$download/$orig" -C "$work"
# Upstream's signature over the archive, by the key that Debian ships with the package.
if command -v gpgv >/dev/null && [ -f "$download/$orig.asc" ]; then
  tar -xf "$download/libssh_$LIBSSH_DEBIAN.debian.tar.xz" -C "$work" debian/upstream/signing-key.asc
  sed -e '/^-/d' -e '/^$/d' -e '/^Comment/d' -e '/^Version/d' -e '/^=/d' \
    "$work/debian/upstream/signing-key.asc" | base64 -d >"$work/keyring.gpg"
  gpgv --quiet --keyring "$work/keyring.gpg" "$download/$orig.asc" "$download/$orig" 2>"$work/gpgv.log" ||
    fail "the signature of $orig is wrong: $(cat "$work/gpgv.log")"
fi
while read -r patch; do
  patch --quiet -p1 --fuzz=0 -d "$source" <"$here/patches/$patch"
done <"$here/patches/series"

echo "libssh: building $LIBSSH_UPSTREAM"
flags="-g -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -D_FORTIFY_SOURCE=2 -w"
cmake -S "$source" -B "$work/cmake" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_C_FLAGS="$flags" \
  -DBUILD_SHARED_LIBS=OFF -DWITH_GSSAPI=OFF -DWITH_ZLIB=OFF -DWITH_FIDO2=OFF -DWITH_EXEC=OFF \
  -DWITH_PCAP=OFF -DWITH_DEBUG_CALLTRACE=OFF -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF -DWITH_NACL=OFF \
  >"$work/cmake.log" 2>&1 || fail "cmake failed, see $work/cmake.log"
ninja -C "$work/cmake" install >"$work/ninja.log" 2>&1 || fail "the build failed, see $work/ninja.log"
echo "$stamp" >"$prefix/stamp"
