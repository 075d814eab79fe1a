"""Private folders: each user's drawings are in folders that no other user can enter, `inbox/<user>/`, `outbox/<user>/` and so on.

The daemon can't make such folders, because it can't give a folder to another user; an administrator does (`systemd/private_folders`). The
daemon checks them before it claims a drawing and before it publishes or puts away what became of it: both the mode and the access control
list (ACL) must keep the group and everyone else out, and the folder must be the daemon's own, so that no user can have put it there.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from daemon.spool.layout import Layout, SpoolUnusable

_ACL: Final = "system.posix_acl_access"
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")
_GROUP_OBJ, _GROUP, _OTHER = 0x04, 0x08, 0x20
"""Tags of entries for the owning group, another group, and everyone else (acl(5)). An entry of a user is what makes a folder theirs."""

_ANY: Final = 0o7
_WRITE: Final = 0o2
_HINT: Final = "run systemd/private_folders as root; etc/doc/service.md explains what it does"


def check_private_root(layout: Layout) -> None:
    """Check that users can neither read the spool nor exchange each other's folders.

    Raises:
        SpoolUnusable: names the folder and what is wrong.
    """
    try:
        if others_permissions(layout.work.parent) & _ANY:
            raise SpoolUnusable(f"{layout.work.parent} must be closed to the group and others ([inbox] private)", hint=_HINT)
        for folder in _shared_folders(layout):
            if others_permissions(folder) & _WRITE:
                raise SpoolUnusable(f"{folder} must not be writable for the group or others ([inbox] private)", hint=_HINT)
    except OSError as error:
        raise SpoolUnusable(f"{error.filename} can't be read: {error.strerror}", hint=_HINT) from error


def is_private(layout: Layout, folder: Sequence[str]) -> bool:
    """Whether what came through an inbox folder, names from the outermost, stays with one user."""
    if not folder:
        return False
    try:
        return all(_is_closed(top / folder[0]) for top in _shared_folders(layout))
    except OSError:
        return False


def check_private(layout: Layout, folder: Sequence[str]) -> None:
    """Raises PermissionError unless `is_private`, or unless the layout has no private folders at all."""
    if layout.is_private and not is_private(layout, folder):
        raise PermissionError(errno.EACCES, "the user's folders are not closed to the group", str(layout.inbox.joinpath(*folder[:1])))


def others_permissions(path: Path) -> int:
    """Permissions (read 4, write 2, search 1) that any group or everyone has for a file. Raises OSError."""
    status = path.lstat()
    try:
        acl = os.getxattr(path, _ACL, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.ENODATA, errno.ENOTSUP}:
            raise
        return (status.st_mode >> 3 | status.st_mode) & _ANY
    entries = [_ENTRY.unpack_from(acl, offset) for offset in range(_HEADER.size, len(acl), _ENTRY.size)]
    found = 0
    for tag, permissions, _ in entries:
        if tag in {_GROUP_OBJ, _GROUP, _OTHER}:
            found |= permissions
    return found & _ANY


def _is_closed(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not others_permissions(path)


def _shared_folders(layout: Layout) -> tuple[Path, ...]:
    return (layout.inbox, layout.outbox, layout.failed, layout.review)
