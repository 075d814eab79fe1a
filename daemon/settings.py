"""Settings of the daemon, from a TOML file and the environment. `etc/doodled.toml` lists all of them with their defaults.

All problems are reported at once, with file and key; unknown keys are refused. DOODLED_<SECTION>_<KEY> overrides a key (lists with
commas), DOODLED_ROOT names the folder that holds inbox, outbox, failed, review and spool; AD_OUTPUT_MP4=1 makes MP4 the default format, and
AD_USE_MESA=1 makes the renderer work in software.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from daemon.options.fields import ColorField, RateField, SizeField, problem, refusal, refusal_because, shown_value
from daemon.options.inference import InferenceChoice, InferenceRequest
from daemon.options.values import DEFAULT_BACKGROUND, DEFAULT_RATE, DEFAULT_SIZE, MAX_SIDE_PX, JobOptions, default_format
from pipeline.adapters.model_server.settings import ServerEndpoint, ServerSettings
from pipeline.adapters.oip.settings import OUTPUTS
from pipeline.errors import ConfigError, OptionError
from pipeline.types import Format, LayerMode

SYSTEM_FILE: Final = Path("/etc/doodled/doodled.toml")
JOURNAL_SOCKET: Final = Path("/run/systemd/journal/socket")
MAX_PORT: Final = 65535
_PREFIX: Final = "DOODLED_"
_T = TypeVar("_T")
_SERVED_BY_WEB: Final = "is gone, remove it: `doodled web` serves /metrics, with those of the daemon if [metrics] textfile is set"
_RETIRED: Final = {
    "gallery": "is gone, remove it: the gallery is a page of `doodled web`, which needs no setting",
    "metrics.port": _SERVED_BY_WEB,
    "metrics.host": _SERVED_BY_WEB,
}
"""Sections and keys of earlier versions, and what to do about each."""

_OTHERS: Final = frozenset({"DOODLED_ROOT", "DOODLED_CONFIG", "DOODLED_TORCHSERVE_PYTHON", "DOODLED_MLSERVER_PYTHON"})
"""Variables that override no key of a section. With the last two interpreters, tests start model servers."""


def _items(value: object) -> object:
    """The items of a list that is written with commas, as in the environment."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _without_repetitions(values: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))


def _motion_names(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the motion library for names as written: an unknown one is refused at the start, and not with each drawing."""
    from daemon.options.motions import motion_library  # loaded only where settings name motions
    from pipeline.motion.library import matching_name

    known = motion_library({}).names()
    matches = {name: matching_name(name, known) for name in wanted}
    unknown = [name for name, match in matches.items() if match is None]
    if unknown:
        raise refusal("names from `doodled motions`", unknown[0] if len(unknown) == 1 else unknown)
    return tuple(match for match in matches.values() if match)


def _model_name(value: str) -> str:
    try:
        ServerSettings(detector=value)
    except OptionError as error:
        raise refusal_because(f"is refused: {error}") from None
    return value


def _tensor_names(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        ours, _, theirs = each.partition("=")
        if ours not in OUTPUTS or not theirs:
            raise refusal(f"entries such as {OUTPUTS[0]}=output_0, with one of {', '.join(OUTPUTS)}", each)
    return value


def _utf8_path(value: Path) -> Path:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise refusal("a path in UTF-8", str(value)) from None
    return value


_Path = Annotated[Path, AfterValidator(_utf8_path)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_items)]
_Motions = Annotated[_Texts, Field(min_length=1), AfterValidator(_motion_names), AfterValidator(_without_repetitions)]
_Formats = Annotated[tuple[Format, ...], BeforeValidator(_items), Field(min_length=1), AfterValidator(_without_repetitions)]
_ModelName = Annotated[str, AfterValidator(_model_name)]
_Renamed = Annotated[_Texts, AfterValidator(_tensor_names)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(ConfigError):
    """Settings that can't be used; a restart doesn't help (EX_CONFIG of sysexits.h)."""

    exit_status = 78


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DuplicatePolicy(StrEnum):
    """What is done with a drawing whose content and options are those of an earlier one, if its results are still in the outbox."""

    AGAIN = "again"
    """Animate it again."""

    SKIP = "skip"
    """Publish a manifest that names the earlier results, and no files."""

    LINK = "link"
    """Publish the earlier results again under its own name, as hard links, or as copies where the file system allows no links."""


class InboxSettings(_Section):
    """How often the inbox is scanned, and when a file in it is complete."""

    rescan_s: _Seconds = 5.0
    poll_s: _Seconds = 2.0
    debounce_s: _Seconds = 0.1
    stable_s: _Seconds = 5.0
    stable_samples: Annotated[int, Field(ge=2, le=100)] = 3
    max_depth: Annotated[int, Field(ge=0, le=16)] = 4
    drain_patience_s: _Seconds = 30.0
    private: bool = False
    duplicates: DuplicatePolicy = DuplicatePolicy.AGAIN


class Executor(StrEnum):
    """Where jobs run."""

    LOCAL = "local"
    DASK = "dask"


class JobsSettings(_Section):
    """Where jobs run, how many at once, how long each may take, and how often it is tried."""

    workers: Annotated[int, Field(ge=0, le=10_000)] = 0
    executor: Executor = Executor.LOCAL
    deadline_s: _Seconds = 300.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    max_recoveries: Annotated[int, Field(ge=1, le=1000)] = 20
    memory_limit_mb: Annotated[int, Field(ge=0)] = 4096
    recycle_after: Annotated[int, Field(ge=0)] = 200
    retry_first_s: _Seconds = 1.0
    retry_max_s: _Seconds = 60.0
    stop_timeout_s: _Seconds = 60.0


SCHEDULER_EXAMPLE: Final = "tcp://10.0.0.5:8786"
_SCHEDULER: Final = re.compile(r"(tcp|tls)://([^\s/:]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})")


def is_scheduler(address: str) -> bool:
    """Whether an address is one that Dask's scheduler can have."""
    found = _SCHEDULER.fullmatch(address)
    return found is not None and 0 < int(found["port"]) <= MAX_PORT


def _scheduler(value: str) -> str:
    if value and not is_scheduler(value):
        raise refusal(f"an address such as {SCHEDULER_EXAMPLE}", value)
    return value


class DaskSettings(_Section):
    """The Dask cluster that runs the jobs, if `jobs.executor` says so."""

    scheduler: Annotated[str, AfterValidator(_scheduler)] = ""
    ca_file: _Path | None = None
    cert_file: _Path | None = None
    key_file: _Path | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether the scheduler is reached by TLS, which needs the three files."""
        return self.scheduler.startswith("tls://")


def _complete(dask: DaskSettings, info: ValidationInfo) -> DaskSettings:
    """Refuse a cluster that is chosen and can't be reached by what is set."""
    jobs = info.data.get("jobs")
    if jobs is not None and jobs.executor is Executor.DASK and not dask.scheduler:
        raise refusal_because(f"must name the scheduler, such as {SCHEDULER_EXAMPLE}, because jobs.executor is dask")
    missing = [name for name in ("ca_file", "cert_file", "key_file") if dask.is_encrypted and getattr(dask, name) is None]
    if missing:
        raise refusal_because(f"must set {', '.join(missing)}: a tls:// scheduler needs them")
    return dask


class AnimationSettings(_Section):
    """What is made of a drawing, unless its folder or sidecar overrides it."""

    motions: _Motions = ("wave",)
    formats: _Formats = (Format.GIF,)
    size: SizeField = DEFAULT_SIZE
    fps: RateField = DEFAULT_RATE
    background: ColorField = DEFAULT_BACKGROUND
    all_figures: bool = False
    layers: LayerMode = LayerMode.AUTO
    review: bool = False
    whiten: bool = False
    max_side_px: Annotated[int, Field(ge=16, le=MAX_SIDE_PX)] = 2048

    def options(self) -> JobOptions:
        """These settings as the options of a job."""
        return JobOptions(
            self.motions,
            self.formats,
            self.size,
            self.fps,
            self.background,
            self.all_figures,
            self.layers,
            review=self.review,
            whiten=self.whiten,
        )


class InferenceSettings(_Section):
    """Where the models run."""

    where: Literal["embedded", "server"] | None = None
    protocol: Literal["torchserve", "oip"] | None = None


class ModelServerSettings(_Section):
    """Servers of one protocol."""

    url: _Texts = ()
    key_file: _Path | None = None
    deadline_s: _Seconds = 120.0
    probe_first_s: _Seconds = 30.0
    probe_max_s: _Seconds = 30.0

    @field_validator("url")
    @classmethod
    def _urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:  # refused at the start, not with the first drawing
            endpoints = tuple(ServerEndpoint(url=url) for url in value)
            ServerSettings(endpoints or ServerSettings.endpoints)
        except OptionError as error:
            raise refusal_because(f"is refused: {error}") from None  # the message omits credentials
        return value


class TorchServeSettings(ModelServerSettings):
    """The TorchServe servers."""

    image_encoding: Literal["ppm", "png", "jpeg"] = "ppm"


class OipSettings(ModelServerSettings):
    """The servers that speak the Open Inference Protocol, and what they call our models."""

    detector: _ModelName = "doodled_detector"
    pose_estimator: _ModelName = "doodled_pose"
    tensor_names: _Renamed = ()


class StorageSettings(_Section):
    """How much disk space stays free, and what is kept how long."""

    reserve_mb: Annotated[int, Field(ge=0)] = 500
    retention_h: Annotated[float, Field(ge=0)] = 24.0 * 7
    keep_annotations: bool = True


class LogFormat(StrEnum):
    """How records on stdout are written."""

    AUTO = "auto"
    PRETTY = "pretty"
    PLAIN = "plain"
    ECS = "ecs"
    OTEL = "otel"


class LogTarget(StrEnum):
    """Where records go."""

    STDOUT = "stdout"
    JOURNAL = "journal"


class LogLevel(StrEnum):
    """The least severe records that are written; levels in ascending order."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _unaliased(log_format: object) -> object:
    return "plain" if log_format == "json" else log_format


class LogSettings(_Section):
    """What is logged, where and how."""

    to: LogTarget = LogTarget.STDOUT
    format: Annotated[LogFormat, BeforeValidator(_unaliased)] = LogFormat.AUTO
    level: LogLevel = LogLevel.INFO
    journal_socket: _Path = JOURNAL_SOCKET
    stages: bool = True
    heartbeat_s: _Seconds = 60.0


class MetricsSettings(_Section):
    """Metrics for Prometheus, off unless a file is set."""

    textfile: _Path | None = None
    textfile_s: _Seconds = 15.0


class WebSettings(_Section):
    """The web application, `doodled web`."""

    host: IPvAnyAddress = IPv4Address("127.0.0.1")
    port: Annotated[int, Field(ge=0, le=MAX_PORT)] = 8321
    names: _Texts = ()
    path: Annotated[str, Field(pattern=r"^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?)?$")] = "/"
    max_waiting: Annotated[int, Field(ge=1)] = 10_000
    uploads_per_minute: Annotated[int, Field(ge=1)] = 600


def _hook(value: object) -> object:
    """A webhook's URL, or a command as a list. Messages omit the value: a URL may contain a key."""
    value = _items(value) if isinstance(value, str) and not value.lower().startswith(("http://", "https://")) else value
    if isinstance(value, str):
        if not _is_web_address(value):
            raise refusal_because("must be a URL such as https://example.org/hook")
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(part, str) and "\0" not in part for part in value):
        if not value[0].startswith("/"):
            raise refusal_because(f"must begin with the absolute path of a program (found {shown_value(value[0])})")
        return tuple(value)
    raise refusal_because("must be a URL, or a list of a program and its arguments")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:  # a port that is no number
        return False


Hook = Annotated[str | tuple[str, ...], BeforeValidator(_hook)]
"""A webhook's URL, or a command: a program with its arguments."""


class HooksSettings(_Section):
    """What is called when a drawing is done, has failed, or waits for review."""

    on_done: Hook | None = None
    on_failed: Hook | None = None
    on_review: Hook | None = None
    secret_file: _Path | None = None
    timeout_s: _Seconds = 30.0
    deadline_s: _Seconds = 86_400.0


class Settings(_Section):
    """All settings of the daemon."""

    root: _Path | None = None
    inbox: InboxSettings = InboxSettings()
    jobs: JobsSettings = JobsSettings()
    dask: Annotated[DaskSettings, Field(validate_default=True), AfterValidator(_complete)] = DaskSettings()
    animation: AnimationSettings = AnimationSettings()
    inference: InferenceSettings = InferenceSettings()
    torchserve: TorchServeSettings = TorchServeSettings()
    oip: OipSettings = OipSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    web: WebSettings = WebSettings()
    hooks: HooksSettings = HooksSettings()

    @model_validator(mode="after")
    def _keep_what_duplicates_need(self) -> Settings:
        if self.inbox.duplicates is not DuplicatePolicy.AGAIN and not self.storage.retention_h:
            raise refusal_because(f'[inbox] duplicates = "{self.inbox.duplicates}" needs [storage] retention_h above 0 (found 0)')
        return self

    @model_validator(mode="after")
    def _one_protocol(self) -> Settings:
        if self.torchserve.url and self.oip.url and self.inference.protocol is None and self.inference.where != "embedded":
            raise refusal_because("[torchserve] url and [oip] url are both set: choose with [inference] protocol")
        return self

    @property
    def model_server(self) -> ModelServerSettings:
        """The servers that are asked unless the models run in this process."""
        is_oip = self.inference.protocol == "oip" or (self.inference.protocol is None and self.oip.url and not self.torchserve.url)
        return self.oip if is_oip else self.torchserve

    def inference_request(self) -> InferenceRequest:
        """The inference backend."""
        server = self.model_server
        if self.inference.where == "embedded" or (self.inference.where is None and not server.url):
            return InferenceRequest(InferenceChoice.EMBEDDED)
        if isinstance(server, OipSettings):
            names = tuple((ours, theirs) for ours, _, theirs in (each.partition("=") for each in server.tensor_names))
            oip = InferenceRequest(
                InferenceChoice.OIP, server.url, server.key_file, "", server.detector, server.pose_estimator, tensor_names=names
            )
            return oip.resolve({})
        encoding = self.torchserve.image_encoding
        return InferenceRequest(InferenceChoice.TORCHSERVE, server.url, server.key_file, encoding).resolve({})

    def digest(self) -> str:
        """Twelve hexadecimal digits that differ when a setting differs."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


@dataclass(frozen=True)
class LoadedSettings:
    """The settings and where they come from.

    Attributes:
        file: the settings file, or None.
        sources: of each key that is set, as "section.key": the file or the variable. All others have their defaults.
        ignored: variables that look like settings and are none.
    """

    settings: Settings
    file: Path | None
    sources: Mapping[str, str]
    ignored: tuple[str, ...]


_SECTIONS: Final = {name for name in Settings.model_fields if name != "root"} | {"gallery"}


def read_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, as `load_settings` finds them."""
    return load_settings(path, environ).settings


def load_settings(path: Path | None, environ: Mapping[str, str]) -> LoadedSettings:
    """The settings from `config_file` and from the environment.

    Raises:
        SettingsError: lists every problem.
    """
    file = config_file(path, environ)
    fields = _read_toml(file) if file is not None else {}
    in_file = dict.fromkeys(_keys(fields), str(file))
    overridden = _override(fields, environ)
    try:
        settings = Settings.model_validate(fields)
    except ValidationError as error:
        raise SettingsError(file or "the environment", [_problem(entry, overridden) for entry in error.errors()]) from None
    return LoadedSettings(settings, file, {**in_file, **overridden}, _ignored_variables(environ))


def config_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file that is read, or None: `path`, else DOODLED_CONFIG, else the user's, else the machine's, if there is one."""
    if path is not None or environ.get("DOODLED_CONFIG"):
        return path or Path(environ["DOODLED_CONFIG"])
    own = _base_folder(environ, "XDG_CONFIG_HOME", ".config")
    files = [SYSTEM_FILE] if own is None else [own / SYSTEM_FILE.name, SYSTEM_FILE]
    return next((file for file in files if _is_there(file)), None)


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except PermissionError:  # Path.is_file lets it through before Python 3.14; HOME may be another user's, after su
        return False


def root_folder(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The folder of inbox, outbox, failed, review and spool: the setting `root`, else systemd's state folder, else the user's.

    Raises:
        SettingsError: there is none of them, or it begins with an unknown home.
    """
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    root = settings.root or (Path(state) if state else _base_folder(environ, "XDG_STATE_HOME", ".local/state"))
    if root is None:
        raise SettingsError("the environment", ["HOME is not set; name the folder with `root` in the settings, or with DOODLED_ROOT"])
    try:
        return root.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError("the settings", [f"root {root} can't be found: the home of {root.parts[0]} is unknown"]) from error


def _base_folder(environ: Mapping[str, str], variable: str, default: str) -> Path | None:
    """Folder of doodled in a base directory of the user, or None without a home.

    Source: XDG Base Directory Specification 0.8, which ignores relative paths.
    """
    base = environ.get(variable, "")
    if base.startswith("/"):
        return Path(base) / "doodled"
    home = environ.get("HOME", "")
    return Path(home) / default / "doodled" if home.startswith("/") else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(path, [f"the file can't be read: {error.strerror or error}"]) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError, or a number of thousands of digits
        raise SettingsError(path, [f"the file is not valid TOML: {error}"]) from error


def _override(fields: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Override `fields` with the environment; returns the variable of each key that was overridden."""
    overridden = {}
    if environ.get("DOODLED_ROOT"):
        fields["root"], overridden["root"] = environ["DOODLED_ROOT"], "DOODLED_ROOT"
    if default_format(environ) is Format.MP4 and "formats" not in _section(fields, "animation"):
        _section(fields, "animation")["formats"], overridden["animation.formats"] = ["mp4"], "AD_OUTPUT_MP4"
    for variable, value in sorted(environ.items()):
        section, key = _key_of(variable)
        if key and variable not in _OTHERS and section in _SECTIONS:
            _section(fields, section)[key] = value
            overridden[f"{section}.{key}"] = variable
    return overridden


def _key_of(variable: str) -> tuple[str, str]:
    """Section and key that a variable would override; two empty texts where it is not one of ours."""
    section, _, key = variable.removeprefix(_PREFIX).lower().partition("_")
    return (section, key) if variable.startswith(_PREFIX) else ("", "")


def _ignored_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    ours = (name for name in environ if name.startswith(_PREFIX) and name not in _OTHERS)
    return tuple(sorted(name for name in ours if _key_of(name)[0] not in _SECTIONS or not _key_of(name)[1]))


def _keys(fields: Mapping[str, Any]) -> list[str]:
    """All keys of a settings file, as "section.key"."""
    sections = ((name, value if isinstance(value, dict) else None) for name, value in fields.items())
    return [key for name, section in sections for key in ([name] if section is None else [f"{name}.{inner}" for inner in section])]


def _section(fields: dict[str, Any], name: str) -> dict[str, Any]:
    section = fields.setdefault(name, {})
    return section if isinstance(section, dict) else {}


def _problem(entry: Mapping[str, Any], overridden: Mapping[str, str]) -> str:
    """A problem as "[section] key must be ...", or with the variable that set the key."""
    if not entry["loc"]:  # of several sections together
        return str(entry["msg"])
    section, *rest = (part for part in entry["loc"] if isinstance(part, str))
    if section in _RETIRED:
        return f"[{section}] {_RETIRED[section]}"
    if rest and f"{section}.{rest[0]}" in _RETIRED:
        return f"[{section}] {rest[0]} {_RETIRED[f'{section}.{rest[0]}']}"
    kind = Settings.model_fields[section].annotation if rest else Settings
    known = getattr(kind, "model_fields", {})
    name = f"[{section}] {rest[0]}" if rest else section if section == "root" else f"[{section}]"
    return problem(overridden.get(".".join((section, *rest)), name), entry, known)
