#!/bin/bash
# Builds a static tmux that needs no file of the system that it runs on: ssh2incus puts it into
# instances that have no tmux and can't install one. The terminals that it knows are compiled in.
#
#   packaging/tmux/build.sh [PROGRAM]         (default: build/tmux/ssh2incus-tmux)
#   TMUX_SOURCE=DIR ...                       take the downloaded archives from DIR
#
# The sources are Debian's signed source packages, fetched by apt into a state directory of its own
# and held against the hashes in `version`; libevent and utf8proc are the distribution's static
# libraries. A second run with nothing changed does nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
program=$(realpath -m "${1:-$root/build/tmux/ssh2incus-tmux}")
work=$root/build/tmux
# shellcheck source=packaging/tmux/version
. "$here/version"
terminals=xterm,xterm-256color,xterm-color,kitty,screen,screen-256color,tmux,tmux-256color
terminals+=,linux,vt100,vt220,ansi,rxvt,rxvt-unicode,rxvt-unicode-256color,putty,putty-256color
terminals+=,konsole,konsole-256color,gnome-256color,vte-256color,alacritty,foot,st-256color,dumb

fail() {
  echo "tmux/build.sh: $*" >&2
  exit 1
}

archive_of() { # NAME VERSION
  echo "$1_${2%-*}.orig.tar.gz"
}

fetch() {
  local directory=$1 options
  [[ -f $directory/$(archive_of tmux "$TMUX_VERSION") &&
    -f $directory/$(archive_of ncurses "$NCURSES_VERSION") ]] && return 0
  rm -rf "$directory/apt"
  mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian/} $SUITE main" >"$directory/apt/sources.list"
  options=(-q -o "Dir::State=$directory/apt" -o "Dir::State::lists=$directory/apt/lists"
    -o "Dir::State::status=/dev/null" -o "Dir::Cache=$directory/apt/cache"
    -o "Dir::Etc::sourcelist=$directory/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$directory" && apt-get "${options[@]}" source --download-only \
    "tmux=$TMUX_VERSION" "ncurses=$NCURSES_VERSION") ||
    fail "can't fetch tmux and ncurses; put their source archives into $directory and try again"
  rm -rf "$directory/apt"
}

unpack() { # NAME VERSION HASH
  local archive
  archive=$downloads/$(archive_of "$1" "$2")
  echo "$3  $archive" | sha256sum --check --quiet - ||
    { rm -f "$archive"; fail "$archive does not have the hash in packaging/tmux/version"; }
  mkdir -p "$scratch/$1"
  tar -xzf "$archive" --strip-components=1 -C "$scratch/$1"
}

# Only the part that knows terminals, without what would be read from the system.
build_terminfo() {
  cd "$scratch/ncurses"
  ./configure --quiet --prefix="$scratch/prefix" --with-termlib --enable-widec --without-cxx \
    --without-cxx-binding --without-ada --without-debug --without-manpages --without-progs \
    --without-tests --without-shared --disable-stripping --with-fallbacks="$terminals" \
    --with-tic-path="$(command -v tic)" --with-infocmp-path="$(command -v infocmp)" \
    --with-default-terminfo-dir=/usr/share/terminfo \
    --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo \
    CFLAGS="$flags"
  make -s -C include
  make -s -C ncurses -j"$(nproc)"
  mkdir -p "$scratch/prefix/lib" "$scratch/prefix/include"
  cp lib/libtinfow.a "$scratch/prefix/lib/libtinfo.a"
  cp lib/libncursesw.a "$scratch/prefix/lib/libncurses.a"
  cp include/{curses,term,unctrl,ncurses_dll}.h "$scratch/prefix/include/"
  cp include/curses.h "$scratch/prefix/include/ncurses.h"
}

build_tmux() {
  cd "$scratch/tmux"
  for patch in "$here"/patches/*.patch; do
    patch -p1 --fuzz=0 --no-backup-if-mismatch --quiet <"$patch" || fail "$patch does not apply"
  done
  LIBEVENT_CORE_CFLAGS=" " LIBEVENT_CORE_LIBS="-levent_core" \
    LIBTINFO_CFLAGS="-I$scratch/prefix/include" LIBTINFO_LIBS="-L$scratch/prefix/lib -ltinfo" \
    ./configure --quiet --enable-static --enable-utf8proc --disable-systemd \
    CFLAGS="$flags" CPPFLAGS="-I$scratch/prefix/include -DUTF8PROC_STATIC" \
    LDFLAGS="-static -L$scratch/prefix/lib -Wl,--gc-sections"
  make -s -j"$(nproc)"
  strip tmux
  mkdir -p "$(dirname "$program")"
  cp tmux "$program.new"
  mv "$program.new" "$program"
}

mkdir -p "$work"
exec 9>"$work/lock"
flock 9
wanted=$(cat "$here/build.sh" "$here/version" "$here"/patches/* | sha256sum | cut -d' ' -f1)
if [[ -x $program && -f $work/stamp && $(<"$work/stamp") == "$wanted" ]]; then
  echo "the static tmux is up to date: $program"
  exit 0
fi
flags="-O2 -fno-plt -fstack-protector-strong -ffunction-sections -fdata-sections -D_FORTIFY_SOURCE=2"
downloads=${TMUX_SOURCE:-$work/download}
mkdir -p "$downloads"
scratch=$(mktemp -d "$work/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fetch "$downloads"
unpack tmux "$TMUX_VERSION" "$TMUX_SHA256"
unpack ncurses "$NCURSES_VERSION" "$NCURSES_SHA256"
build_terminfo
build_tmux
echo "$wanted" >"$work/stamp"
echo "static tmux $TMUX_VERSION: $program"
