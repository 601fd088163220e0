"""PAM services, users with passwords and hostile modules for the tests, taken back by their fixtures."""
import pathlib
import subprocess

FOLDER = pathlib.Path("/etc/pam.d")


class PamService:
    """A file in /etc/pam.d that exists while the test runs."""

    def __init__(self, name="s2i-test"):
        self.name = name
        self.path = FOLDER / name

    def write(self, auth, account="required pam_permit.so", password="required pam_deny.so"):
        """Each a line, or several, without the type in front."""
        lines = []
        for kind, stack in (("auth", auth), ("account", account), ("password", password)):
            lines += [f"{kind} {line.strip()}\n" for line in stack.strip().splitlines()]
        self.path.write_text("".join(lines))
        return self

    def remove(self):
        self.path.unlink(missing_ok=True)


def set_password(user, password):
    """A hash that is cheap to compute; the server doesn't choose it."""
    hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True,
                            check=True, capture_output=True).stdout.strip()
    usermod("-p", hashed, user)


def usermod(*arguments):
    subprocess.run(["usermod", *arguments], check=True, capture_output=True)


def must_change_password(user):
    subprocess.run(["chage", "-d", "0", user], check=True, capture_output=True)


MODULE = r"""
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ask(pam_handle_t *handle, const char *text, char **answer) {
  const struct pam_conv *conv = NULL;
  struct pam_message message = {PAM_PROMPT_ECHO_ON, text};
  const struct pam_message *messages[1] = {&message};
  struct pam_response *responses = NULL;
  pam_get_item(handle, PAM_CONV, (const void **)&conv);
  int code = conv->conv(1, messages, &responses, conv->appdata_ptr);
  if (code == PAM_SUCCESS) *answer = responses[0].resp;
  return code;
}

int pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv) {
  const char *what = argc > 0 ? argv[0] : "";
  char *answer = NULL;
  (void)flags;
  if (strcmp(what, "hang") == 0) for (;;) pause();
  if (strcmp(what, "crash") == 0) raise(SIGSEGV);
  if (strcmp(what, "refused-call") == 0) (void)!chroot("/");
  for (int i = 0; strcmp(what, "questions") == 0 && i < 200; ++i) {
    if (ask(handle, "another? ", &answer) != PAM_SUCCESS) return PAM_CONV_ERR;
  }
  if (strcmp(what, "colours") == 0) {
    if (ask(handle, "\033[2J\033]0;title\007code: ", &answer) != PAM_SUCCESS) return PAM_CONV_ERR;
    return strcmp(answer, "42") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
  }
  return PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv) {
  (void)handle, (void)flags, (void)argc, (void)argv;
  return PAM_SUCCESS;
}
"""


def build_module(folder):
    """A module that hangs, crashes, asks 200 questions, as its argument says."""
    source, module = pathlib.Path(folder) / "module.c", pathlib.Path(folder) / "pam_s2i_test.so"
    source.write_text(MODULE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", module, source], check=True)
    return module
