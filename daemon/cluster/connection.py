"""How daemon and workers reach the scheduler: address, certificates, and what Dask itself may print."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from daemon.settings import DaskSettings
from pipeline.errors import OptionError

if TYPE_CHECKING:
    from distributed import Security

CONNECT_S: Final = 5.0
"""For one try to reach the scheduler."""

RETRY_S: Final = 2.0
"""From one try to the next, as long as the scheduler is unavailable."""

FRUGAL: Final = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.profile.enabled": False,
}
"""Settings of Dask for workers: by default, it watches itself 50 to 100 times a second, which takes 3 % of a core."""


class ClusterUnusable(OptionError):
    """Dask, or a certificate that the settings name, is missing; a restart doesn't help."""

    exit_status = 78


def require_dask() -> None:
    """Check that Dask is installed. Raises ClusterUnusable."""
    try:
        import distributed  # noqa: F401 - whether it can be imported
    except ImportError as error:
        hint = "pip install 'doodled[dask]'"
        raise ClusterUnusable(f'[jobs] executor = "dask" needs Dask, which can\'t be imported: {error}', hint=hint) from error


def tls_security(settings: DaskSettings) -> Security | None:
    """The certificates for tls:// addresses, or None for tcp://. Raises ClusterUnusable if a file is missing."""
    from distributed import Security

    if not settings.is_encrypted:
        return None
    files = {"ca_file": settings.ca_file, "cert_file": settings.cert_file, "key_file": settings.key_file}
    for name, path in files.items():
        if path is None or not path.is_file():
            raise ClusterUnusable(f"[dask] {name} must be a file (found {path})")
    ca_file, certificate, key = map(str, files.values())
    return Security(  # type: ignore[no-untyped-call]  # Dask has types only in part
        require_encryption=True,
        tls_ca_file=ca_file,
        tls_client_cert=certificate,
        tls_client_key=key,
        tls_worker_cert=certificate,
        tls_worker_key=key,
    )


def silence_dask() -> None:
    """Let Dask's own messages not reach stderr: the daemon logs what concerns it as events."""
    import distributed  # noqa: F401 - sets the levels that are changed here

    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
