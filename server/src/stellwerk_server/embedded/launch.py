"""Turns itself into a server: become the right user, ask to die with the parent, exec.

Run as a plain script (`python -I -S launch.py PARENT_PID DEATH_SIGNAL IDENTITY -- argv…`), so it starts in
milliseconds and no code has to run between fork and exec. Must import only the standard library."""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NAMESPACE_UID = 65534


def enter_namespace() -> None:
    """See ourselves as an ordinary user while every file stays root's: a namespace with one uid in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) was refused")
    _write("/proc/self/uid_map", f"{NAMESPACE_UID} 0 1")
    _write("/proc/self/setgroups", "deny")  # the kernel wants this before an own gid_map
    _write("/proc/self/gid_map", f"{NAMESPACE_UID} 0 1")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode("ascii"))
    os.close(fd)


def become(identity: str) -> None:
    """Take on an identity: `self`, `namespace` or `uid:gid`."""
    if identity == "self":
        return
    if identity == "namespace":
        enter_namespace()
        return
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_parent(parent_pid: int, death_signal: int) -> None:
    """Have the kernel signal us when the parent's thread ends; comes last, a change of user clears it."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent_pid:  # the parent died before the request: nobody would signal us any more
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Parse, change identity, exec. Never returns unless something was refused."""
    parent_pid, death_signal, identity, _separator, *command = arguments
    become(identity)
    die_with_parent(int(parent_pid), int(death_signal))
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"launch: {error}")
