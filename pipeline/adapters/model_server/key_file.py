"""Key of a model server: read from its file, and read again when the file changed or the key was refused. Never logged.

TorchServe writes `key_file.json` (mode 600) into its working directory at every start, and when a key is renewed through its token API;
keys expire after `token_expiration_min` minutes (its docs/token_authorization_api.md). A file that holds only the key works, too,
such as a systemd credential.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 64 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class Token:
    """A key that appears neither in `repr`, nor in `str`, nor in a pickle."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Token(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other._secret == self._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __reduce__(self) -> str:
        raise TypeError("a token can't be pickled")

    def revealed(self) -> str:
        """The key itself, only for the request's header."""
        return self._secret


class KeyFile:
    """The current key of one server. Thread-safe."""

    def __init__(self, path: Path | None, *, kind: str = "inference") -> None:
        """Without a `path` there is no key; `kind` is the entry of `key_file.json`."""
        self._path = path
        self._kind = kind
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._token: Token | None = None
        self._problem = "" if path is not None else "no key file is set"

    @property
    def problem(self) -> str:
        """Why there is no key, without secrets; "" if there is one."""
        return self._problem

    def token(self, *, fresh: bool = False) -> Token | None:
        """The key, or None without one; read again if the file changed or if `fresh` is set."""
        if self._path is None:
            return None
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                if fresh or stamp != self._stamp:
                    self._token = _read_token(self._path, self._kind)
                    self._stamp, self._problem = stamp, ""
            except (OSError, ValueError) as error:
                # Not the error's own text: a JSON error quotes the file.
                reason = error.strerror if isinstance(error, OSError) else "it holds no key"
                self._stamp, self._token, self._problem = None, None, f"the key file can't be used: {reason or 'it is unreadable'}"
            return self._token


def _read_token(path: Path, kind: str) -> Token:
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode("utf-8-sig").strip()
    if text.startswith("{"):
        entry = json.loads(text).get(kind)
        text = str(entry.get("key", "")) if isinstance(entry, dict) else ""
    elif kind != "inference":
        text = ""  # a bare key is the inference key
    if not _TOKEN.fullmatch(text):
        raise ValueError(kind)
    return Token(text)
