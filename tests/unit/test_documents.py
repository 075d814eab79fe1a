"""Documents of the repository: their links, the files that they name, and what they must not cite.

- TestLinks: relative links and anchors of every Markdown page
- TestFileNames: paths in backticks and in comments
- TestSettings: settings and their defaults
- TestEvents: log events
- TestReadme: length of the README
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from daemon.log.events import Event
from daemon.settings import Settings

ROOT = Path(__file__).parents[2]
README_LINES = 150
TOP_LEVEL = ("daemon", "pipeline", "etc", "systemd", "torchserve", "tests", ".ci")
CODE = ("daemon", "pipeline")
TEXT_SUFFIXES = {
    ".md",
    ".py",
    ".toml",
    ".yaml",
    ".yml",
    ".sh",
    ".service",
    ".conf",
    ".cfg",
    ".properties",
    ".js",
    ".css",
    ".sql",
    ".jq",
    ".txt",
    "",
}
UNTRACKED = re.compile(r"\b(?:COMPAT|OPERATIONS|RENDERING|HOUSE|ANCHORS|BRIEF)\.md|COMPAT:|\bshared/(?:real|cases|motions|reference)\b")
"""Documents and data that are not part of the repository."""

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?(?:[\w.-]+)?)`")
CITED_PAGE = re.compile(r"etc/doc/((?:[\w-]+/)*[\w-]+\.md)(?:`?(?: \(|, )((?:\"[^\"]+\"(?:, )?)+))?")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository, relative to its root."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return tuple(Path(name.decode()) for name in listed.split(b"\0") if name and (ROOT / name.decode()).exists())


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix in TEXT_SUFFIXES and path != Path(__file__).relative_to(ROOT):
            try:
                yield path, (ROOT / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", without_code((ROOT / path).read_text(encoding="utf-8")), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def headings(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE))


def without_code(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)


class TestLinks:
    def test_relative_links_lead_to_files(self) -> None:
        broken = []
        for page in pages():
            for target in re.finditer(LINK, without_code((ROOT / page).read_text(encoding="utf-8"))):
                address = next(group for group in target.groups() if group)
                name, _, _ = address.partition("#")
                if "://" not in address and name and not (ROOT / page.parent / name).exists():
                    broken.append(f"{page}: {address}")
        assert not broken

    def test_anchors_are_headings(self) -> None:
        broken = []
        for page in pages():
            for target in re.finditer(LINK, without_code((ROOT / page).read_text(encoding="utf-8"))):
                name, _, anchor = next(group for group in target.groups() if group).partition("#")
                linked = (ROOT / page.parent / name).resolve().relative_to(ROOT) if name and "://" not in name else page
                if anchor and "://" not in name and linked.suffix == ".md" and anchor not in anchors(linked):
                    broken.append(f"{page}: {name}#{anchor}")
        assert not broken

    def test_finds_what_is_broken(self) -> None:
        found = [next(group for group in match.groups() if group) for match in LINK.finditer('[a](b.md#c) ![d](e.png) <img src="f.gif">')]
        assert found == ["b.md#c", "e.png", "f.gif"]
        assert "the-key" not in anchors(Path("README.md"))


class TestFileNames:
    def test_files_in_backticks_exist(self) -> None:
        missing = []
        for page in pages():
            for match in PATH.finditer(without_code((ROOT / page).read_text(encoding="utf-8"))):
                name = match[1]
                if name.split("/")[0] in TOP_LEVEL and "/" in name and not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists():
                    missing.append(f"{page}: {name}")
        assert not missing

    @pytest.mark.parametrize("page", ["architecture.md", "spool.md", "algorithm.md"])
    def test_named_classes_and_methods_exist(self, page: str) -> None:
        source = "\n".join(
            (ROOT / path).read_text(encoding="utf-8") for path in tracked() if path.suffix == ".py" and path.parts[0] in CODE
        )
        named = re.findall(r"`([A-Z][a-z]+[A-Z]?\w*)(?:\.(\w+)(?:\([^`]*\))?)?`", (ROOT / "etc/doc" / page).read_text(encoding="utf-8"))
        missing = [
            f"{name}.{method}"
            for name, method in named
            if name not in {"Dockerfile", "Thumbs"}
            and not (re.search(rf"class {name}\b", source) and (not method or re.search(rf"def {method}\b", source)))
        ]
        assert not missing

    def test_cited_pages_and_sections_exist(self) -> None:
        """Comments and docstrings cite a section as `etc/doc/algorithm.md ("Root path")`."""
        missing = []
        for path, text in texts():
            for match in CITED_PAGE.finditer(re.sub(r"\s*\n[ #\"*]*", " ", text)):
                cited = Path("etc/doc") / match[1]
                if not (ROOT / cited).exists():
                    missing.append(f"{path}: {cited}")
                    continue
                sections = re.findall(r'"([^"]+)"', match[2] or "")
                missing += [f"{path}: {cited} has no section {section!r}" for section in sections if section not in headings(cited)]
        assert not missing

    def test_no_document_outside_the_repository_is_cited(self) -> None:
        cited = [f"{path}: {match[0]}" for path, text in texts() if path.parts[0] != ".ci" for match in UNTRACKED.finditer(text)]
        assert not cited

    def test_faults_are_proven_by_tests_that_exist(self) -> None:
        missing, module = [], ""
        named = re.findall(r"`(?:(test_\w+\.py))?(?:::(test_\w+))?`", (ROOT / "etc/doc/faults.md").read_text(encoding="utf-8"))
        for file, function in named:
            module = file or module
            path = ROOT / "tests/fault" / module
            if not path.is_file() or f"def {function or 'test_'}" not in path.read_text(encoding="utf-8"):
                missing.append(f"{module}::{function}")
        assert len(named) > 40
        assert not missing


class TestSettings:
    """`section.key` in a page is a setting, and `section.key` (5 s) gives its default."""

    def mentioned(self) -> Iterator[tuple[Path, str, str, str | None]]:
        sections = "|".join(name for name in Settings.model_fields if name != "root")
        for page in pages():
            text = (ROOT / page).read_text(encoding="utf-8")
            for match in re.finditer(rf"`({sections})\.(\w+)`(?:\s\((\d[\d,.]*)(?: \w+)?\))?", text):
                if f"{match[1]}.{match[2]}" not in {*Event, "log.level"}:  # the first is also a field of ECS
                    yield page, match[1], match[2], match[3]

    def test_mentioned_settings_exist(self) -> None:
        unknown = [
            f"{page}: {section}.{key}" for page, section, key, _ in self.mentioned() if not hasattr(getattr(Settings(), section), key)
        ]
        assert not unknown

    def test_mentioned_defaults_are_those_of_the_code(self) -> None:
        stated = [(page, section, key, default) for page, section, key, default in self.mentioned() if default]
        assert stated
        assert not [
            f"{page}: {section}.{key} ({default})"
            for page, section, key, default in stated
            if float(default.replace(",", "")) != float(getattr(getattr(Settings(), section), key))
        ]


class TestEvents:
    def test_mentioned_events_exist(self) -> None:
        families = "|".join(sorted({event.partition(".")[0] for event in Event}))
        unknown = []
        for page in pages():
            if page.name == "logging.md":  # has other stores' field names as well, and a test of its own
                continue
            for match in re.finditer(rf"`((?:{families})\.(\w+))`", (ROOT / page).read_text(encoding="utf-8")):
                is_setting = hasattr(getattr(Settings(), match[1].partition(".")[0], None), match[2])
                if match[1] not in set(Event) and not is_setting and match[2] not in {"py", "json", "md", "toml"}:
                    unknown.append(f"{page}: {match[1]}")
        assert not unknown


class TestReadme:
    def test_fits_a_door(self) -> None:
        assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES
