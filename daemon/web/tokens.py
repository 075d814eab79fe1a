"""Tokens, one-time codes and sessions of the web application, as files whose names are hashes of the secrets.

    spool/web/tokens/<SHA-256>     its label; made by `doodled web token`, valid until it is revoked
    spool/web/codes/<SHA-256>      made by `doodled web link`; removed when it is used, and void after CODE_S
    spool/web/sessions/<SHA-256>   one signed-in browser; names the token or code that it began with; void after SESSION_S

A secret has 256 random bits, so its hash needs no salt. Every answer comes from the folder itself: a token that is revoked, or a session
that is ended, is refused at once, and no restart changes anything.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from daemon.files.durable import create_durably, read_content
from daemon.spool.layout import Layout
from pipeline.errors import OptionError

CODE_S: Final = 15 * 60.0
SESSION_S: Final = 30 * 86400.0
_MAX_LABEL: Final = 64
_MAX_LABEL_BYTES: Final = 4 * _MAX_LABEL
_MAX_SECRET: Final = 200


class SecretStore:
    """The secrets of one spool."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.time) -> None:
        self._root, self._clock = layout.root / "spool" / "web", clock

    # --- for operators -----------------------------------------------------------------------------------------------

    def make_token(self, label: str) -> str:
        """A new token. Raises OptionError if the label is taken, or can't be listed as it is; OSError."""
        if not (0 < len(label) <= _MAX_LABEL and label.isprintable()):
            raise OptionError(f"a token's name must have 1 to {_MAX_LABEL} printable characters (found {label!r})")
        if any(known == label for known, _ in self.tokens()):
            raise OptionError(f"there is a token {label!r} already", hint="revoke it, or choose another label")
        return self._make("tokens", label)

    def make_code(self) -> str:
        """A new one-time code. Raises OSError."""
        return self._make("codes", "")

    def tokens(self) -> list[tuple[str, str]]:
        """Label and hash of each token."""
        return [(self._label("tokens", name), name) for name in self._names("tokens")]

    def revoke(self, label: str) -> None:
        """Remove a token; sessions that began with it end. Raises OptionError if there is none."""
        found = [name for known, name in self.tokens() if known == label]
        if not found:
            known = ", ".join(known for known, _ in self.tokens()) or "none"
            raise OptionError(f"there is no token {label!r}", hint=f"there are: {known}")
        for name in found:
            (self._root / "tokens" / name).unlink(missing_ok=True)
        for name in self._names("sessions"):
            if self._label("sessions", name) in found:
                (self._root / "sessions" / name).unlink(missing_ok=True)

    # --- for requests ------------------------------------------------------------------------------------------------

    def has_tokens(self) -> bool:
        """Whether there is any token."""
        return next(self._names("tokens"), None) is not None

    def is_token(self, secret: str) -> bool:
        """Whether a text is a valid token."""
        return self._exists("tokens", secret)

    def begin_session(self, secret: str) -> str | None:
        """The secret of a new session, for a valid token or an unused code; None for anything else. Raises OSError."""
        if self.is_token(secret):
            return self._make("sessions", _hash(secret))
        try:
            path = self._root / "codes" / _hash(secret)
            age_s = self._clock() - path.stat().st_mtime
            path.unlink()  # of two requests, one gets here
        except OSError:
            return None
        return self._make("sessions", "") if age_s < CODE_S else None

    def is_session(self, secret: str) -> bool:
        """Whether a text is the secret of a session that has not ended."""
        with suppress(OSError):
            path = self._root / "sessions" / _hash(secret)
            if self._clock() - path.stat().st_mtime < SESSION_S:
                began_with = self._label("sessions", path.name)
                return not began_with or (self._root / "tokens" / began_with).exists()
        return False

    def end_session(self, secret: str) -> None:
        """Sign a browser out."""
        with suppress(OSError):
            (self._root / "sessions" / _hash(secret)).unlink()

    def remove_expired(self) -> None:
        """Remove what is void by now."""
        for kind, max_age_s in (("codes", CODE_S), ("sessions", SESSION_S)):
            for name in self._names(kind):
                with suppress(OSError):
                    path = self._root / kind / name
                    if self._clock() - path.stat().st_mtime >= max_age_s:
                        path.unlink()

    # --- files -------------------------------------------------------------------------------------------------------

    def _make(self, kind: str, content: str) -> str:
        secret = secrets.token_urlsafe(32)
        folder = self._root / kind
        above = (self._root, *self._root.parents)  # a service of its own, as systemd's, owns the first of them
        owner = next(path for path in above if path.exists()).stat()
        made = [path for path in above if not path.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            create_durably(folder, _hash(secret), content.encode())
            if os.geteuid() == 0:  # where root makes a secret for a service, its files and their folders belong to the service
                for path in (*made, folder, folder / _hash(secret)):
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        except OSError:  # such as a full disk: a secret that no user was given must not be valid
            with suppress(OSError):
                (folder / _hash(secret)).unlink(missing_ok=True)
            raise
        return secret

    def _exists(self, kind: str, secret: str) -> bool:
        return 0 < len(secret) <= _MAX_SECRET and os.path.lexists(self._root / kind / _hash(secret))

    def _label(self, kind: str, name: str) -> str:
        with suppress(OSError):
            return read_content(self._root / kind / name, _MAX_LABEL_BYTES).decode("utf-8", "replace")
        return ""

    def _names(self, kind: str) -> Iterator[str]:
        with suppress(OSError), os.scandir(self._root / kind) as entries:
            yield from [entry.name for entry in entries if len(entry.name) == 64]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
