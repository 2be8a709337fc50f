"""As whom a server runs. Postgres refuses root, so root needs a way to look like somebody else.

Decides only; launch.py does. Must not touch anything but the folder it is given."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .child import Command
from .errors import FolderRefusedError

UNPRIVILEGED_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Identity:
    """A way to run (`how`, as launch.py takes it) and the owner the files then need, as seen from here."""

    how: str
    uid: int
    gid: int

    def require_way_to(self, path: Path) -> None:
        """Refuse a path with a closed folder above it: this identity has none of root's powers."""
        for folder in path.resolve().parents:
            if not self._may_enter(folder.stat()):
                raise FolderRefusedError(
                    f"{path} lies below {folder}, which is closed to uid {self.uid}, and Postgres refuses to "
                    f"run with more rights: choose a place elsewhere, or chmod a+x {folder}"
                )

    def own(self, folder: Path) -> None:
        """Hand over a folder and all in it; when it is ours already, only files right in it can be new."""
        inside = folder.iterdir() if folder.stat().st_uid == self.uid else folder.rglob("*")
        self.own_each(folder, *inside)

    def own_each(self, *paths: Path) -> None:
        """Hand over these files and folders, not what is in them."""
        for path in paths:
            if path.lstat().st_uid != self.uid:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _may_enter(self, folder: os.stat_result) -> bool:
        if folder.st_uid == self.uid:
            return bool(folder.st_mode & stat.S_IXUSR)
        if folder.st_gid == self.gid:
            return bool(folder.st_mode & stat.S_IXGRP)
        return bool(folder.st_mode & stat.S_IXOTH)


def owner_of(folder: Path) -> Identity:
    """Ourselves, or as root the folder's owner, so that the owner can use it without us the next time."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return Identity("self", os.geteuid(), os.getegid())
    return Identity(f"{owner.st_uid}:{owner.st_gid}", owner.st_uid, owner.st_gid)


def ordinary_identity_for(folder: Path) -> Identity:
    """The folder's owner; where that is root, root in a namespace of its own, else an unprivileged user."""
    owner = owner_of(folder)
    if owner.uid != 0:
        return owner
    if _namespace_allowed():
        return Identity("namespace", 0, 0)
    return _unprivileged_user()


def _namespace_allowed() -> bool:
    probe = Command([shutil.which("true") or "/bin/true"], signal.SIGKILL, identity="namespace")
    return subprocess.run(probe.launcher_argv(), capture_output=True, check=False).returncode == 0


def _unprivileged_user() -> Identity:
    for name in UNPRIVILEGED_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(f"{user.pw_uid}:{user.pw_gid}", user.pw_uid, user.pw_gid)
    raise FolderRefusedError(
        "Postgres refuses to run as root, user namespaces are not allowed here, and none of the users "
        f"{', '.join(UNPRIVILEGED_USERS)} exists: run as an ordinary user, or add one of them"
    )
