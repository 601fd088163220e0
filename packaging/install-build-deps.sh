#!/bin/sh
# Installs the Debian packages that a part of the project needs; quick when nothing is missing.
#
#   packaging/install-build-deps.sh [build] [cross] [demo] [check] [bench]     (default: all)
#
# Incus comes from bookworm-backports on Debian 12 (from the release itself on later ones). A
# package source is added only if no configured one has it already; it is a file of its own,
# /etc/apt/sources.list.d/ssh2incus-backports.list, which may be removed at any time.
set -eu

build="g++ make cmake ninja-build ccache pkg-config git ca-certificates curl
  libssl-dev libseccomp-dev libcap-dev libpam0g-dev libcrypt-dev libcurl4-openssl-dev libwslay-dev
  nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libedit-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  gpgv dpkg-dev debian-archive-keyring patch xz-utils
  libevent-dev libutf8proc-dev bison ncurses-bin"
# The guest is built for both architectures that it is for.
case $(uname -m) in
  aarch64) cross=g++-x86-64-linux-gnu ;;
  *) cross=g++-aarch64-linux-gnu ;;
esac
incus="incus-base incus-client"
demo="$incus openssh-client busybox-static procps iproute2 kmod"
check="$demo clang clang-format clang-tidy libclang-rt-dev llvm
  python3-pytest python3-yaml python3-paramiko python3-asyncssh python3-cryptography
  dropbear-bin putty-tools libpam-modules libpam-oath oathtool openssl xauth
  ansible-core rsync git sshfs mosh qemu-user-static lftp systemd"
bench="$demo openssh-server ansible-core rsync"

fail() {
  echo "install-build-deps: $*" >&2
  exit 1
}

# Those of the named packages that aren't installed.
missing_of() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

has_release() {
  apt-get indextargets --format '$(RELEASE)' 2>/dev/null | grep -qx "$1"
}

add_backports() {
  has_release "$1" && return 0
  echo "deb http://deb.debian.org/debian $1 main" \
    >/etc/apt/sources.list.d/ssh2incus-backports.list
  echo "install-build-deps: added $1 in /etc/apt/sources.list.d/ssh2incus-backports.list"
}

install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    --no-install-recommends install "$@" </dev/null
}

wanted=""
[ $# -gt 0 ] || set -- build cross demo check bench
for part in "$@"; do
  case $part in
    build) wanted="$wanted $build" ;;
    cross) wanted="$wanted $cross" ;;
    demo) wanted="$wanted $demo" ;;
    check) wanted="$wanted $check" ;;
    bench) wanted="$wanted $bench" ;;
    *) fail "no such part: $part (build, cross, demo, check, bench)" ;;
  esac
done

command -v dpkg-query >/dev/null || fail "this is for Debian and its relatives"
missing=$(missing_of $(printf '%s\n' $wanted | sort -u))
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || fail "packages are missing and only root can install them: $missing"

. /etc/os-release
pinned=""
others=""
for package in $missing; do
  case "$package ${VERSION_CODENAME:-}" in
    incus-*' bookworm') pinned="$pinned $package" ;;
    *) others="$others $package" ;;
  esac
done
[ -z "$pinned" ] || add_backports bookworm-backports

# Debian's own switch for "installed, but not to be run"; without it the package starts a server.
case " $others " in
  *' openssh-server '*)
    if [ ! -e /etc/ssh/sshd_not_to_be_run ]; then
      mkdir -p /etc/ssh
      echo "Made by ssh2incus's bench, which runs sshd by itself. Remove this file to run sshd." \
        >/etc/ssh/sshd_not_to_be_run
    fi ;;
esac

echo "install-build-deps: installing $missing"
apt-get -qq -o DPkg::Lock::Timeout=300 update
[ -z "$others" ] || install_packages $others
[ -z "$pinned" ] || install_packages -t bookworm-backports $pinned
