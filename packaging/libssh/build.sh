#!/bin/bash
# Builds the static, patched libssh and installs its headers and library to PREFIX.
#
#   packaging/libssh/build.sh [PREFIX]        (default: build/libssh/install)
#   SANITIZE=1 packaging/libssh/build.sh PREFIX
#   LIBSSH_SOURCE=DIR ...                     take the downloaded files from DIR
#
# The source is Debian's signed source package, fetched by apt into a state directory of its own
# (the system's apt configuration isn't touched), held against the hash in `version` and, where
# gpgv is there, against upstream's signature. A second run with nothing changed does nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix=$(realpath -m "${1:-$root/build/libssh/install}")
work=$root/build/libssh
sanitize=${SANITIZE:-0}
# shellcheck source=packaging/libssh/version
. "$here/version"
upstream=${LIBSSH_VERSION%-*}
archive=libssh_$upstream.orig.tar.xz

fail() {
  echo "libssh/build.sh: $*" >&2
  exit 1
}

input_hash() {
  { echo "sanitize=$sanitize cc=${CC:-} $(openssl version 2>/dev/null || true)"
    cat "$here/build.sh" "$here/version" "$here/patches/series"
    while read -r patch; do cat "$here/patches/$patch"; done <"$here/patches/series"
  } | sha256sum | cut -d' ' -f1
}

# The mirror that this machine uses for Debian, if it uses one.
mirrors() {
  apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 2>/dev/null |
    awk '$2 == "main" && $1 ~ /\/debian\/?$/ { print $1 }' | sort -u | head -n 1 || true
  echo http://deb.debian.org/debian/
}

fetch_from() {
  local mirror=$1 directory=$2 options
  rm -rf "$directory/apt"
  mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
    >"$directory/apt/sources.list"
  options=(-q -o "Dir::State=$directory/apt" -o "Dir::State::lists=$directory/apt/lists"
    -o "Dir::State::status=/dev/null" -o "Dir::Cache=$directory/apt/cache"
    -o "Dir::Etc::sourcelist=$directory/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update || return 1
  (cd "$directory" && apt-get "${options[@]}" source --download-only "libssh=$LIBSSH_VERSION") ||
    return 1
  rm -rf "$directory/apt"
}

fetch() {
  local directory=$1 mirror
  [[ -f $directory/$archive ]] && return 0
  mkdir -p "$directory"
  while read -r mirror; do
    echo "fetching libssh $LIBSSH_VERSION from $mirror"
    if fetch_from "$mirror" "$directory"; then return 0; fi
  done < <(mirrors | awk '!seen[$0]++')
  fail "can't fetch libssh $LIBSSH_VERSION; put its source package into $directory and try again"
}

verify() {
  local directory=$1 keys=$2
  echo "$LIBSSH_SHA256  $directory/$archive" | sha256sum --check --quiet - ||
    { rm -f "$directory/$archive"; fail "$archive does not have the hash in packaging/libssh/version"; }
  if ! command -v gpgv >/dev/null || [[ ! -f $directory/$archive.asc ]]; then
    echo "upstream's signature not checked: no gpgv or no signature file"
    return 0
  fi
  tar -xJf "$directory/libssh_$LIBSSH_VERSION.debian.tar.xz" -O debian/upstream/signing-key.asc |
    awk '/^-----BEGIN/ { body = 0; next } /^-----END/ || /^=/ { body = 0; next }
         /^$/ { body = 1; next } body' | base64 -d >"$keys"
  gpgv --quiet --keyring "$keys" "$directory/$archive.asc" "$directory/$archive" ||
    fail "upstream's signature of $archive is not good"
}

unpack() {
  local source=$1 directory=$2 patch
  mkdir -p "$source"
  tar -xJf "$directory/$archive" --strip-components=1 -C "$source"
  while read -r patch; do
    patch -d "$source" -p1 --fuzz=0 --no-backup-if-mismatch --quiet <"$here/patches/$patch" ||
      fail "patch $patch does not apply"
  done <"$here/patches/series"
}

compile() {
  local source=$1 build=$2 flags
  flags="-g -fPIC -fstack-protector-strong -fstack-clash-protection -fcf-protection=full"
  if [[ $sanitize == 1 ]]; then
    flags+=" -O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
  else
    flags+=" -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
  fi
  if "${CC:-cc}" -ftrivial-auto-var-init=zero -x c -c /dev/null -o /dev/null 2>/dev/null; then
    flags+=" -ftrivial-auto-var-init=zero"
  fi
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF \
    -DWITH_GSSAPI=OFF -DWITH_ZLIB=OFF -DWITH_FIDO2=OFF -DWITH_EXEC=OFF -DWITH_PCAP=OFF \
    -DWITH_DEBUG_CALLTRACE=OFF -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF -DWITH_NACL=OFF \
    -DWITH_SFTP=OFF
  cmake --build "$build" --parallel "$(nproc)"
  rm -rf "$prefix"
  cmake --install "$build"
}

wanted=$(input_hash)
mkdir -p "$work"
exec 9>"$work/lock"
flock 9
if [[ -f $prefix/lib/libssh.a && -f $prefix/stamp && $(<"$prefix/stamp") == "$wanted" ]]; then
  echo "libssh $LIBSSH_VERSION is up to date in $prefix"
  exit 0
fi
downloads=${LIBSSH_SOURCE:-$work/download}
scratch=$(mktemp -d "$work/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fetch "$downloads"
verify "$downloads" "$scratch/keys.gpg"
unpack "$scratch/source" "$downloads"
compile "$scratch/source" "$scratch/build"
echo "$wanted" >"$prefix/stamp"
echo "libssh $LIBSSH_VERSION installed in $prefix"
