"""Settings: the TOML file, the environment, and the problems that are reported of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.options.values import Size
from daemon.settings import Settings, SettingsError, config_file, load_settings, read_settings, root_folder
from pipeline.types import Format

SHIPPED = Path(__file__).parents[3] / "etc" / "doodled.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "doodled.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_file_lists_every_setting_with_its_default() -> None:
    assert read_settings(SHIPPED, {}) == Settings()
    text = SHIPPED.read_text(encoding="utf-8")
    for name, section in Settings():
        keys = type(section).model_fields if hasattr(type(section), "model_fields") else {name: None}
        assert not [key for key in keys if f"\n{key} = " not in text and f"\n# {key} = " not in text], name


def test_reports_all_problems_at_once_with_file_and_key(tmp_path: Path) -> None:
    path = written(tmp_path, '[jobs]\nworkrs = 2\ndeadline_s = "x"\n[animation]\nsize = "big"\nbackground = "a.jpg"\n[nothing]\n')
    with pytest.raises(SettingsError) as refused:
        read_settings(path, {"DOODLED_LOG_FORMAT": "xml"})
    reported = "\n".join(refused.value.problems)
    assert refused.value.path == path
    for word in (
        "[jobs] workrs is unknown (expected one of workers, ",
        "[jobs] deadline_s must be a number (found 'x')",
        "[animation] size must be \"WIDTHxHEIGHT\" in pixels (found 'big')",
        "[animation] background must be a color such as white, #ffcc00 or transparent, or paper (found 'a.jpg')",
        "[nothing] is unknown",
        "DOODLED_LOG_FORMAT must be one of 'auto', 'pretty', 'plain', 'ecs' or 'otel' (found 'xml')",
    ):
        assert word in reported


@pytest.mark.parametrize("text", ["[jobs", "\udcff", "jobs = 3"])
def test_refuses_missing_files_and_files_that_are_no_toml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "doodled.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError):
        read_settings(path, {})
    with pytest.raises(SettingsError, match="can't be read"):
        read_settings(tmp_path / "missing.toml", {})


def test_environment_overrides_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'root = "/somewhere"\n[jobs]\nworkers = 2\nmax_attempts = 5\n')
    environ = {
        "DOODLED_ROOT": "/elsewhere",
        "DOODLED_JOBS_WORKERS": "7",
        "DOODLED_ANIMATION_FORMATS": "gif, mp4",
        "DOODLED_TORCHSERVE_URL": "http://one:8080,http://two:8080",
        "DOODLED_TORCHSERVE_PYTHON": "/usr/bin/python3",
        "PATH": "/bin",
    }
    settings = read_settings(path, environ)
    assert (settings.jobs.workers, settings.jobs.max_attempts) == (7, 5)
    assert settings.animation.formats == (Format.GIF, Format.MP4)
    assert settings.torchserve.url == ("http://one:8080", "http://two:8080")
    assert root_folder(settings, environ) == Path("/elsewhere")


def test_refuses_misspelled_variables_like_misspelled_keys() -> None:
    with pytest.raises(SettingsError, match="DOODLED_JOBS_WRKERS is unknown"):
        read_settings(None, {"DOODLED_JOBS_WRKERS": "2"})


def test_environment_makes_mp4_the_default_format(tmp_path: Path) -> None:
    assert read_settings(None, {"AD_OUTPUT_MP4": "1"}).animation.formats == (Format.MP4,)
    path = written(tmp_path, '[animation]\nformats = ["webp"]\n')
    assert read_settings(path, {"AD_OUTPUT_MP4": "1"}).animation.formats == (Format.WEBP,)


def test_root_is_the_state_folder_of_systemd_or_of_the_user() -> None:
    home = {"HOME": "/home/anna"}
    assert root_folder(Settings(), home) == Path("/home/anna/.local/state/doodled")
    assert root_folder(Settings(), {**home, "XDG_STATE_HOME": "/elsewhere"}) == Path("/elsewhere/doodled")
    assert root_folder(Settings(), {**home, "STATE_DIRECTORY": "/var/lib/doodled"}) == Path("/var/lib/doodled")
    assert root_folder(Settings(root=Path("/drawings")), {**home, "STATE_DIRECTORY": "/var/lib/doodled"}) == Path("/drawings")


def test_root_in_relative_base_directory_is_ignored() -> None:
    assert root_folder(Settings(), {"HOME": "/home/anna", "XDG_STATE_HOME": "here"}) == Path("/home/anna/.local/state/doodled")


@pytest.mark.parametrize("home", ["", "here"])
def test_root_without_home_is_an_error_that_names_the_setting(home: str) -> None:
    with pytest.raises(SettingsError, match="DOODLED_ROOT"):
        root_folder(Settings(), {"HOME": home})


def test_root_in_the_home_of_an_unknown_user_is_an_error() -> None:
    with pytest.raises(SettingsError, match="root ~nobodyknows/doodled can't be found: the home of ~nobodyknows is unknown"):
        root_folder(Settings(root=Path("~nobodyknows/doodled")), {})


@pytest.mark.parametrize("variable", ["DOODLED_ROOT", "DOODLED_METRICS_TEXTFILE", "DOODLED_LOG_JOURNAL_SOCKET"])
def test_paths_outside_utf8_are_refused(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"{variable} must be a path in UTF-8 \(found '/x\\udcff'\)"):
        read_settings(None, {variable: "/x\udcff"})


def test_file_of_the_user_comes_before_that_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = written(tmp_path, "")
    monkeypatch.setattr("daemon.settings.SYSTEM_FILE", machine)
    home, elsewhere = tmp_path / "home", tmp_path / "config"
    environ = {"HOME": str(home)}
    assert config_file(None, environ) == config_file(None, {}) == machine
    own = home / ".config" / "doodled" / "doodled.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    assert config_file(None, environ) == own
    assert config_file(None, {**environ, "XDG_CONFIG_HOME": str(elsewhere)}) == machine
    assert config_file(None, {**environ, "DOODLED_CONFIG": "/named.toml"}) == Path("/named.toml")
    assert config_file(Path("/given.toml"), {**environ, "DOODLED_CONFIG": "/named.toml"}) == Path("/given.toml")


def test_digest_differs_when_a_setting_differs() -> None:
    assert Settings().digest() == Settings().digest() != read_settings(None, {"DOODLED_JOBS_WORKERS": "3"}).digest()


@pytest.mark.parametrize("url", ["model-server", "http://user:hunter22@host:8080", "ftp://host"])
def test_refuses_bad_addresses_at_the_start_without_repeating_secrets(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(None, {"DOODLED_TORCHSERVE_URL": url})
    assert "DOODLED_TORCHSERVE_URL" in str(refused.value)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("INBOX_DEBOUNCE_S", "0", "must be above 0 (found"),
        ("INBOX_MAX_DEPTH", "17", "must be at most 16"),
        ("JOBS_WORKERS", "1.5", "must be a whole number"),
        ("STORAGE_KEEP_ANNOTATIONS", "perhaps", "must be true or false"),
        ("ANIMATION_MOTIONS", "", "must name at least one"),
        ("ANIMATION_MOTIONS", "moonwlak", "must be names from `doodled motions`"),
        ("ANIMATION_FPS", "241", "must be a number from 0.1 to 240"),
        ("TORCHSERVE_IMAGE_ENCODING", "bmp", "must be one of 'ppm', 'png' or 'jpeg'"),
        ("WEB_HOST", "here", "must be an IP address"),
        ("WEB_PATH", "doodled", "must match"),
        ("LOG_LEVEL", "loud", "must be one of 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_problems_say_what_is_expected_and_found(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(None, {f"DOODLED_{variable}": value})
    assert refused.value.problems[0].startswith(f"DOODLED_{variable} {said}")
    assert value in refused.value.problems[0]


@pytest.mark.parametrize("text", ["[gallery]\nenabled = true", "[metrics]\nport = 9464", '[metrics]\nhost = "127.0.0.1"'])
def test_settings_of_earlier_versions_name_their_successor(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"is gone, remove it: .*doodled web"):
        read_settings(written(tmp_path, text), {})


def test_options_of_a_job_are_parsed_once() -> None:
    options = read_settings(None, {"DOODLED_ANIMATION_SIZE": "64X48", "DOODLED_ANIMATION_BACKGROUND": "#fff"}).animation.options()
    assert (options.size, options.background.color) == (Size(64, 48), (1.0, 1.0, 1.0, 1.0))


def test_refuses_unknown_motion_at_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, '[animation]\nmotions = ["wave", "moonwlak", "/srv/own.bvh"]\n')
    with pytest.raises(SettingsError) as refused:
        read_settings(path, {})
    assert refused.value.problems == ("[animation] motions must be names from `doodled motions` (found ['moonwlak', '/srv/own.bvh'])",)


def test_motions_are_named_as_in_the_library_and_once() -> None:
    animation = read_settings(None, {"DOODLED_ANIMATION_MOTIONS": "Dance,sit-down,dance", "DOODLED_ANIMATION_FORMATS": "gif,gif"}).animation
    assert (animation.motions, animation.formats) == (("dance", "sit_down"), (Format.GIF,))


def test_knows_where_each_setting_comes_from(tmp_path: Path) -> None:
    path = written(tmp_path, 'root = "/somewhere"\n[jobs]\nworkers = 2\n[log]\nlevel = "debug"\n')
    environ = {"DOODLED_JOBS_WORKERS": "3", "AD_OUTPUT_MP4": "1", "DOODLED_JOB_WORKERS": "4", "DOODLED_CONFIG": "x", "PATH": "/bin"}
    loaded = load_settings(path, environ)
    assert dict(loaded.sources) == {
        "root": str(path),
        "jobs.workers": "DOODLED_JOBS_WORKERS",
        "log.level": str(path),
        "animation.formats": "AD_OUTPUT_MP4",
    }
    assert loaded.ignored == ("DOODLED_JOB_WORKERS",)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"DOODLED_JOBS_EXECUTOR": "dask"}, "[dask] must name the scheduler"),
        ({"DOODLED_DASK_SCHEDULER": "10.0.0.5:8786"}, "must be an address such as tcp://10.0.0.5:8786 (found '10.0.0.5:8786')"),
        ({"DOODLED_DASK_SCHEDULER": "tcp://10.0.0.5"}, "DOODLED_DASK_SCHEDULER must be an address"),
        ({"DOODLED_DASK_SCHEDULER": "tcp://10.0.0.5:87860"}, "DOODLED_DASK_SCHEDULER must be an address"),
        ({"DOODLED_DASK_SCHEDULER": "tls://a:1", "DOODLED_DASK_CA_FILE": "/ca.pem"}, "must set cert_file, key_file"),
    ],
)
def test_refuses_a_cluster_that_cannot_work(fields: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(None, fields)
    assert words in str(caught.value)


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:8786", "tcp://scheduler:8786", "tcp://[fd00::1]:8786"])
def test_takes_addresses_of_schedulers(address: str) -> None:
    found = read_settings(None, {"DOODLED_JOBS_EXECUTOR": "dask", "DOODLED_DASK_SCHEDULER": address}).dask
    assert (found.scheduler, found.is_encrypted) == (address, False)


OIP = '[oip]\nurl = ["http://one:8000"]\n'
TORCHSERVE = '[torchserve]\nurl = ["http://two:8080"]\ndeadline_s = 5.0\n'


@pytest.mark.parametrize(
    ("text", "choice", "urls"),
    [
        ("", "embedded", ()),
        ('[inference]\nwhere = "server"\n', "torchserve", ("http://127.0.0.1:8080",)),
        ('[inference]\nwhere = "server"\nprotocol = "oip"\n', "oip", ("http://127.0.0.1:8000",)),
        (OIP, "oip", ("http://one:8000",)),
        (TORCHSERVE, "torchserve", ("http://two:8080",)),
        (f'{OIP}{TORCHSERVE}[inference]\nprotocol = "oip"\n', "oip", ("http://one:8000",)),
        (f'{OIP}{TORCHSERVE}[inference]\nwhere = "embedded"\n', "embedded", ()),
    ],
)
def test_inference_backend(tmp_path: Path, text: str, choice: str, urls: tuple[str, ...]) -> None:
    request = read_settings(written(tmp_path, text), {}).inference_request()
    assert (request.choice, request.urls) == (choice, urls)


def test_each_protocol_has_its_own_deadline(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, TORCHSERVE), {}).model_server.deadline_s == 5.0
    assert read_settings(written(tmp_path, OIP), {}).model_server.deadline_s == 120.0


def test_names_on_the_server(tmp_path: Path) -> None:
    text = OIP + 'detector = "mine/2"\ntensor_names = ["centres=output_0", "mask=output=1"]\n'
    request = read_settings(written(tmp_path, text), {}).inference_request()
    assert (request.detector, request.pose_estimator) == ("mine/2", "doodled_pose")
    assert request.tensor_names == (("centres", "output_0"), ("mask", "output=1"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (OIP + TORCHSERVE, r"choose with \[inference\] protocol"),
        ('[inference]\nprotocol = "grpc"\n', r"\[inference\] protocol must be"),
        ('[inference]\nwhere = "torchserve"\n', r"\[inference\] where must be"),
        ('[oip]\nurl = ["one:8000"]\n', r"\[oip\] url is refused"),
        (
            '[torchserve]\nurl = ["http://one:80", "http://one:80/"]\n',
            r"\[torchserve\] url is refused: every model server needs a URL of its own",
        ),
        ('[oip]\npose_estimator = "a b"\n', r"\[oip\] pose_estimator is refused"),
        ('[oip]\ntensor_names = ["centers=x"]\n', r"\[oip\] tensor_names must be entries such as centres=output_0"),
    ],
)
def test_refuses_wrong_model_servers(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        read_settings(written(tmp_path, text), {})
