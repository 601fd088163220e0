"""Where things are. SSH2INCUS_BUILD names another build directory than build/."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SSH2INCUS_BUILD", ROOT / "build")).resolve()
BIN = BUILD / "bin"
SERVER = BIN / "ssh2incus"
INCUS_DIR = pathlib.Path(os.environ.get("SSH2INCUS_TEST_INCUS_DIR",
                                        "/var/lib/incus-ssh2incus-test"))
