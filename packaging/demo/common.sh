# What demo's start and stop share. Everything that the demo makes is written to $made, one line
# each, at the moment it is made; stop undoes these lines from the last to the first.
state=/var/lib/ssh2incus-demo
made=$state/made
port=${SSH2INCUS_DEMO_PORT:-2222}
instance=ssh2incus-demo
root_keys=/etc/ssh/authorized_keys.d/root
mark="ssh2incus-demo"
own_incus=$state/incus

record() { echo "$*" >>"$made"; }

# The Incus that the demo uses: the system's if it answers, else our own.
choose_incus() {
  if [ -f "$state/own-incus" ]; then
    use_own_incus
  fi
}

use_own_incus() {
  INCUS_DIR=$own_incus
  INCUS_SOCKET=$own_incus/unix.socket
  INCUS_CONF=$own_incus/client
  export INCUS_DIR INCUS_SOCKET INCUS_CONF
}

incus_answers() { timeout 20 incus info >/dev/null 2>&1 </dev/null; }

server_runs() {
  pid=$(cat "$state/pid" 2>/dev/null) || return 1
  [ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$bin/ssh2incus" ]
}

say() { echo "demo: $*"; }
fail() {
  echo "demo: $*" >&2
  exit 1
}
