"""Every setting of the daemon: a TOML file, then the environment. `etc/doodled.toml` lists them all with their defaults.

All problems are reported at once, with file and key; unknown keys are refused. DOODLED_<SECTION>_<KEY> overrides a key (lists with
commas), DOODLED_ROOT names the folder that holds inbox, outbox, failed and spool; AD_OUTPUT_MP4=1 makes MP4 the default format, and
AD_USE_MESA=1 is passed on to the renderer.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, IPvAnyAddress, ValidationError, field_validator

from daemon.options import values as option_values
from daemon.options.inference import InferenceChoice
from daemon.options.sidecar import JobOptions
from pipeline.adapters.torchserve.settings import TorchServeEndpoint
from pipeline.errors import ConfigError, OptionError
from pipeline.types import Format

SYSTEM_FILE: Final = Path("/etc/doodled/doodled.toml")
JOURNAL_SOCKET: Final = Path("/run/systemd/journal/socket")
_PREFIX: Final = "DOODLED_"
_OTHERS: Final = frozenset({"DOODLED_ROOT", "DOODLED_CONFIG", "DOODLED_TORCHSERVE_PYTHON"})
"""Variables that are no settings of a section; the last names the interpreter that tests start a model server with."""


def _parts(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_Texts = Annotated[tuple[str, ...], BeforeValidator(_parts)]
_Formats = Annotated[tuple[Format, ...], BeforeValidator(_parts)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(ConfigError):
    """Settings that are not in order: nothing that a restart would heal (sysexits.h, EX_CONFIG)."""

    exit_status = 78


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InboxSettings(_Section):
    """How files are found, and when they are complete."""

    rescan_s: _Seconds = 5.0
    poll_s: _Seconds = 2.0
    debounce_s: _Seconds = 0.1
    stable_s: _Seconds = 5.0
    stable_samples: Annotated[int, Field(ge=2, le=100)] = 3
    max_depth: Annotated[int, Field(ge=0, le=16)] = 4
    drain_patience_s: _Seconds = 30.0


class JobsSettings(_Section):
    """How long and how often a job is tried."""

    workers: Annotated[int, Field(ge=0, le=256)] = 0
    deadline_s: _Seconds = 300.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    max_recoveries: Annotated[int, Field(ge=1, le=1000)] = 20
    memory_limit_mb: Annotated[int, Field(ge=0)] = 4096
    recycle_after: Annotated[int, Field(ge=0)] = 200
    retry_first_s: _Seconds = 1.0
    retry_max_s: _Seconds = 60.0
    stop_timeout_s: _Seconds = 60.0


class AnimationSettings(_Section):
    """What a drawing becomes, unless its folder or sidecar says otherwise."""

    motions: Annotated[_Texts, Field(min_length=1)] = ("wave",)
    formats: Annotated[_Formats, Field(min_length=1)] = (Format.GIF,)
    size: str = "500x500"
    fps: Annotated[str, BeforeValidator(str)] = "25"
    background: str = "transparent"
    all_figures: bool = False
    max_side_px: Annotated[int, Field(ge=16, le=option_values.MAX_SIDE_PX)] = 2048

    @field_validator("size")
    @classmethod
    def _size(cls, value: str) -> str:
        return _checked(value, option_values.size_px)

    @field_validator("fps")
    @classmethod
    def _rate(cls, value: str) -> str:
        return _checked(value, option_values.frame_rate)

    @field_validator("background")
    @classmethod
    def _background(cls, value: str) -> str:
        if option_values.colour(value) is None:
            raise ValueError(f"expected a colour such as white, #ffcc00 or transparent, found {value!r}")
        return value

    def options(self) -> JobOptions:
        """As a job's options."""
        return JobOptions(self.motions, self.formats, self.size, self.fps, self.background, self.all_figures)


class InferenceSettings(_Section):
    """Where the networks run."""

    where: InferenceChoice | None = None


class TorchServeSettings(_Section):
    """The model servers."""

    url: _Texts = ()
    key_file: Path | None = None
    pictures: Literal["ppm", "png", "jpeg"] = "ppm"
    deadline_s: _Seconds = 120.0
    probe_first_s: _Seconds = 30.0
    probe_max_s: _Seconds = 30.0

    @field_validator("url")
    @classmethod
    def _urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:  # here, and not when the first drawing has come
            _checked(url, lambda text: TorchServeEndpoint(url=text))
        return value


class StorageSettings(_Section):
    """What is kept, and how much room is left."""

    reserve_mb: Annotated[int, Field(ge=0)] = 500
    retention_h: Annotated[float, Field(ge=0)] = 24.0 * 7
    keep_annotations: bool = True


class LogFormat(StrEnum):
    """How records look."""

    AUTO = "auto"
    PRETTY = "pretty"
    PLAIN = "plain"
    ECS = "ecs"
    OTEL = "otel"


class LogLevel(StrEnum):
    """Least level of the records that are written, in ascending order."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogTarget(StrEnum):
    """Where records go."""

    STDOUT = "stdout"
    JOURNAL = "journal"


def _format(value: object) -> object:
    return "plain" if value == "json" else value  # its name until there were other JSONs


class LogSettings(_Section):
    """What is told."""

    to: LogTarget = LogTarget.STDOUT
    level: LogLevel = LogLevel.INFO
    format: Annotated[LogFormat, BeforeValidator(_format)] = LogFormat.AUTO
    journal_socket: Path = JOURNAL_SOCKET
    stages: bool = True
    heartbeat_s: _Seconds = 60.0


class MetricsSettings(_Section):
    """Numbers for Prometheus; nothing is offered unless a port or a file is named."""

    port: Annotated[int, Field(ge=0, le=65535)] = 0
    host: IPvAnyAddress = IPv4Address("127.0.0.1")
    textfile: Path | None = None
    textfile_s: _Seconds = 15.0


class GallerySettings(_Section):
    """A page in the outbox that shows what is there."""

    enabled: bool = False
    update_s: _Seconds = 3.0


class Settings(_Section):
    """All of them."""

    root: Path | None = None
    inbox: InboxSettings = InboxSettings()
    jobs: JobsSettings = JobsSettings()
    animation: AnimationSettings = AnimationSettings()
    inference: InferenceSettings = InferenceSettings()
    torchserve: TorchServeSettings = TorchServeSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    gallery: GallerySettings = GallerySettings()

    def digest(self) -> str:
        """Twelve digits that change when a setting does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def read_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in `path` (or in DOODLED_CONFIG, or in /etc/doodled/doodled.toml if it is there), and in the environment.

    Raises:
        SettingsError: everything that is wrong.
    """
    file = config_file(path, environ)
    fields = _file_fields(file) if file is not None else {}
    overridden = _override(fields, environ)
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        raise SettingsError(file or "the environment", [_problem(entry, overridden) for entry in error.errors()]) from None


def config_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file that settings are read from, or None."""
    if path is not None or environ.get("DOODLED_CONFIG"):
        return path or Path(environ["DOODLED_CONFIG"])
    return SYSTEM_FILE if SYSTEM_FILE.is_file() else None


def root_folder(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The folder of inbox, outbox, failed and spool: as set, systemd's state folder, or ./var."""
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return (settings.root or Path(state or "var")).expanduser().absolute()


def _file_fields(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(path, [f"this is no TOML: {error}"]) from error


def _override(fields: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Put what the environment says into `fields`; returns the variable of each key that it set."""
    overridden = {}
    if environ.get("DOODLED_ROOT"):
        fields["root"], overridden["root"] = environ["DOODLED_ROOT"], "DOODLED_ROOT"
    if option_values.default_format(environ) is Format.MP4 and "formats" not in _section(fields, "animation"):
        _section(fields, "animation")["formats"] = ["mp4"]
    sections = {name for name in Settings.model_fields if name != "root"}
    for variable, value in sorted(environ.items()):
        section, _, key = variable.removeprefix(_PREFIX).lower().partition("_")
        if variable.startswith(_PREFIX) and variable not in _OTHERS and section in sections and key:
            _section(fields, section)[key] = value
            overridden[f"{section}.{key}"] = variable
    return overridden


def _section(fields: dict[str, Any], name: str) -> dict[str, Any]:
    section = fields.setdefault(name, {})
    return section if isinstance(section, dict) else {}


def _problem(entry: Mapping[str, Any], overridden: Mapping[str, str]) -> str:
    key = ".".join(str(part) for part in entry["loc"] if isinstance(part, str))
    variable = overridden.get(key)
    if entry["type"] == "extra_forbidden":
        what = "unknown"
    elif entry["type"] == "value_error":
        what = str(entry["msg"]).removeprefix("Value error, ")
    else:
        what = f"{entry['msg']}, found {ascii(entry.get('input'))[:80]}"
    return f"{variable or key}: {what}"


def _checked(value: str, parse: Any) -> str:  # noqa: ANN401  # any parser of `choices`
    try:
        parse(value)
    except OptionError as error:
        raise ValueError(str(error)) from error
    return value
