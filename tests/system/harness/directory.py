"""A directory of users: Debian's slapd, nslcd and sssd, unpacked (unpacked-packages) and run by
chroot on loopback. Nothing of it is installed; a process that is to see its users is started in a
mount namespace in which nsswitch.conf, a PAM service, /run and /var/lib are others. The host's files
stay as they are, whatever happens."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from harness import paths
from harness.client import end, wait_until
from harness.server import Server, free_port

PACKAGES = ("slapd", "ldap-utils", "nslcd", "libnss-ldapd", "libpam-ldapd",
            "sssd-common", "sssd-ldap", "libpam-sss")
SUFFIX = "dc=s2i,dc=test"
LIBRARIES = "usr/lib/x86_64-linux-gnu"

SLAPD_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey'
  EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY
  MAY ( sshPublicKey $ uid ) )
pidfile {folder}/slapd.pid
database ldif
suffix {suffix}
directory {folder}/database
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""

NSLCD_CONF = """
threads 4
uri ldap://127.0.0.1:{port}
base {suffix}
bind_timelimit 1
timelimit 1
reconnect_sleeptime 1
reconnect_retrytime 1
pam_authz_search (&(objectClass=posixAccount)(uid=$username)(!(description=locked)))
"""

SSSD_CONF = """
[sssd]
services = ssh, pam
domains = test
[domain/test]
id_provider = ldap
auth_provider = ldap
ldap_auth_disable_tls_never_use_in_production = true
access_provider = permit
ldap_uri = ldap://127.0.0.1:{port}
ldap_search_base = {suffix}
ldap_schema = rfc2307
ldap_user_ssh_public_key = sshPublicKey
cache_credentials = false
"""

NSSWITCH = """
passwd: files ldap
group: files ldap
shadow: files ldap
hosts: files
"""

# {auth} is a module with its arguments.
PAM = """
auth sufficient pam_unix.so
auth required {auth} use_first_pass
account required pam_nologin.so
account required pam_unix.so
account [success=ok user_unknown=ignore authinfo_unavail=ignore default=bad] {module} minimum_uid=1000
"""

# In a namespace of its own; $1 is the folder, $2 where nslcd and sssd are, then the program.
ENTER = """
set -e
mkdir "$1/lib-of-host"
mount --rbind /var/lib "$1/lib-of-host"
mount -t tmpfs -o mode=755 none /var/lib
for entry in "$1"/lib-of-host/*/ "$2/var/lib/sss/"; do
  entry=${entry%/}
  [ -e "/var/lib/${entry##*/}" ] || mkdir "/var/lib/${entry##*/}"
  mount --rbind "$entry" "/var/lib/${entry##*/}"
done
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
mount --bind "$1/pam" /etc/pam.d/ssh2incus
mount -t tmpfs -o mode=755 none /run
mkdir /run/nslcd
mount --bind "$2/var/run/nslcd" /run/nslcd
shift 2
exec "$@"
"""


def codename():
    text = pathlib.Path("/etc/os-release").read_text()
    return next(line.split("=")[1] for line in text.splitlines()
                if line.startswith("VERSION_CODENAME="))


class Directory:
    def __init__(self):
        script = paths.ROOT / "tests" / "system" / "unpacked-packages"
        unpacked = subprocess.run([script, "ldap", codename(), *PACKAGES], check=True, text=True,
                                  stdout=subprocess.PIPE, timeout=300)
        self.root = pathlib.Path(unpacked.stdout.split()[-1])
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ldap-", dir=self.root / "tmp"))
        self.folder.chmod(0o755)
        self.sockets = self.root / "var" / "run" / "nslcd"
        self.port = free_port()
        self.uri = f"ldap://127.0.0.1:{self.port}"
        self.entries = [f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\n"
                        "dc: s2i\no: test\n"]
        self.daemons = contextlib.ExitStack()
        self.slapd = self.nslcd = None
        self.made = []

    def add_group(self, name, number, *members):
        self.entries.append(f"dn: cn={name},{SUFFIX}\nobjectClass: posixGroup\ncn: {name}\n"
                            f"gidNumber: {number}\n" +
                            "".join(f"memberUid: {member}\n" for member in members))

    def add_user(self, name, number, *keys, password="", extra=""):
        self.entries.append(f"dn: uid={name},{SUFFIX}\nobjectClass: account\n"
                            "objectClass: posixAccount\nobjectClass: shadowAccount\n"
                            f"objectClass: ldapPublicKey\nuid: {name}\ncn: {name}\n"
                            f"uidNumber: {number}\ngidNumber: {number}\n"
                            f"homeDirectory: /nonexistent/{name}\nloginShell: /bin/sh\n" +
                            "".join(f"sshPublicKey: {key}\n" for key in keys) +
                            (f"userPassword: {password}\n" if password else "") + extra)

    def start(self):
        inside = pathlib.Path("/") / self.folder.relative_to(self.root)
        (self.folder / "database").mkdir()
        (self.folder / "slapd.conf").write_text(SLAPD_CONF.format(folder=inside, suffix=SUFFIX))
        (self.folder / "data.ldif").write_text("\n".join(self.entries))
        self.inside("/usr/sbin/slapadd", "-f", inside / "slapd.conf", "-l", inside / "data.ldif")
        self.start_slapd()
        self.start_nslcd()

    def inside(self, *argv):
        subprocess.run(["chroot", self.root, *argv], check=True, capture_output=True, timeout=30)

    def daemon(self, *argv):
        log = self.daemons.enter_context(open(self.folder / "daemons.log", "ab"))
        process = subprocess.Popen(["chroot", self.root, *argv], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
        self.daemons.callback(end, process)
        return process

    def start_slapd(self):
        inside = pathlib.Path("/") / self.folder.relative_to(self.root)
        self.slapd = self.daemon("/usr/sbin/slapd", "-d", "0", "-h", self.uri, "-f",
                                 inside / "slapd.conf")

        def answers():
            assert self.slapd.poll() is None, (self.folder / "daemons.log").read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
        wait_until(answers, 20, "slapd's start")

    def start_nslcd(self):
        settings = self.root / "etc" / "nslcd.conf"
        settings.write_text(NSLCD_CONF.format(port=self.port, suffix=SUFFIX))
        self.made.append(settings)
        self.sockets.mkdir(parents=True, exist_ok=True)
        path = self.sockets / "socket"
        path.unlink(missing_ok=True)
        self.nslcd = self.daemon("/usr/sbin/nslcd", "-n")
        wait_until(lambda: path.exists() or self.nslcd.poll() is not None, 20, "nslcd's start")
        assert self.nslcd.poll() is None, (self.folder / "daemons.log").read_text()

    def start_sssd(self, user):
        """Its key service; waits until it knows the user's keys."""
        settings = self.root / "etc" / "sssd" / "sssd.conf"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(SSSD_CONF.format(port=self.port, suffix=SUFFIX))
        settings.chmod(0o600)
        self.made.append(settings)
        for cached in (self.root / "var" / "lib" / "sss" / "db").glob("*.ldb"):
            cached.unlink()
        (self.root / "run").mkdir(exist_ok=True)
        (self.root / "run" / "sssd.pid").unlink(missing_ok=True)
        sssd = self.daemon("/usr/sbin/sssd", "-i", "--logger=stderr", "-d", "1")

        def knows():
            assert sssd.poll() is None, (self.folder / "daemons.log").read_text()
            return subprocess.run(["chroot", self.root, "/usr/bin/sss_ssh_authorizedkeys", user],
                                  capture_output=True, timeout=30).stdout
        wait_until(knows, 30, "sssd's start")

    def close(self):
        self.daemons.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        for path in self.made:
            path.unlink(missing_ok=True)

    def server(self, keyring, folder, incus, *arguments, auth="pam_ldap.so minimum_uid=1000"):
        """A server that sees the directory's users; auth judges their passwords."""
        folder.mkdir()
        (folder / "lib").mkdir()
        shutil.copy(self.root / LIBRARIES / "libnss_ldap.so.2", folder / "lib")
        (folder / "nsswitch.conf").write_text(NSSWITCH)
        modules = self.root / LIBRARIES / "security"
        (folder / "pam").write_text(PAM.format(module=modules / "pam_ldap.so",
                                               auth=modules / auth))
        server = DirectoryServer(keyring, folder, incus, arguments,
                                 env={"LD_LIBRARY_PATH": str(folder / "lib")})
        server.root = self.root
        return server


class DirectoryServer(Server):
    root = None

    def argv(self):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter",
                str(self.folder), os.fspath(self.root), *super().argv()]
