"""Originals: earlier jobs with the same content and options, whose results a duplicate names or shares (`inbox.duplicates`).

A worker finds the original and writes copies of its results, which are published as any others: the protocol knows a job's files by their
inodes (`daemon.spool.publish`), so no other job may have them. Beside each copy it makes a link to the original file. Once the job is
published, `share_files` exchanges the two, and the copy is removed with the job's folder. A crash, or a file system without links or
exchange, leaves the copy, which is as good.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import exchange, is_same_file, open_folder, read_content, sync_folder
from daemon.files.filenames import is_plain_name
from daemon.settings import DuplicatePolicy
from daemon.spool.job_folder import ANNOTATIONS, MANIFEST, RESULT, Job, read_json
from daemon.spool.layout import Layout
from daemon.spool.publish import checked_manifest
from daemon.spool.seen_index import SeenIndex, duplicate_key
from daemon.spool.thumbnails import THUMBNAIL

_SHARED: Final = ".shared"
"""Suffix of the links to original files in a job's result/."""


class OriginalGone(Exception):
    """Results of the original were removed or changed meanwhile: the drawing must be animated again."""


@dataclass(frozen=True)
class Original:
    """A published job.

    Attributes:
        manifest: as published.
        job_folder: its folder in spool/done/.
    """

    manifest: Mapping[str, Any]
    folder: tuple[str, ...]
    job_folder: Path


@dataclass(frozen=True)
class Originals:
    """Finds originals and shares their results.

    Attributes:
        policy: SKIP or LINK.
        user: whose drawings are looked at, see `Layout.user_of`.
    """

    layout: Layout
    policy: DuplicatePolicy
    user: str

    def find(self, sha256: str, options: object) -> Original | None:
        """The first job with this content and these options, if its source is still kept and its results are in the outbox."""
        job_id = SeenIndex(self.layout.seen).first_job(duplicate_key(sha256, options, self.user))
        if job_id is None:
            return None
        job_folder = self.layout.done / job_id
        try:
            manifest = checked_manifest(read_json(job_folder / MANIFEST))
            folder = manifest["folder"]
            if not all(is_plain_name(name) for name in folder) or manifest["source"]["sha256"] != sha256:
                return None
            with open_folder(self.layout.outbox, folder) as outbox:
                for output in manifest["outputs"]:
                    status = os.lstat(output["file"], dir_fd=outbox)
                    if not stat.S_ISREG(status.st_mode) or status.st_size != output["bytes"]:
                        return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Original(manifest, tuple(folder), job_folder)

    def repeat(self, original: Original, job_folder: Path) -> list[dict[str, Any]]:
        """The outputs of a duplicate, for its manifest: none to skip it, or the original's, written durably into its result/.

        Args:
            job_folder: the duplicate's folder.
        Raises:
            OriginalGone: a result was removed or changed meanwhile.
            OSError: the disk refused.
        """
        outputs = []
        if self.policy is DuplicatePolicy.LINK:
            with open_folder(self.layout.outbox, original.folder) as outbox:
                outputs = [
                    _copy_output(output, job_folder / RESULT, number, outbox) for number, output in enumerate(original.manifest["outputs"])
                ]
            sync_folder(job_folder / RESULT)
        with suppress(OSError):  # without them, the drawing has no thumbnail, and corrections begin with a box
            os.link(original.job_folder / THUMBNAIL, job_folder / THUMBNAIL)
        with suppress(OSError):
            shutil.copytree(original.job_folder / ANNOTATIONS, job_folder / ANNOTATIONS, copy_function=os.link, dirs_exist_ok=True)
        return outputs


def _copy_output(output: Mapping[str, Any], result: Path, number: int, outbox: int) -> dict[str, Any]:
    """Copy an output of the original into result/, with a link to it beside; returns the output without its name in the outbox."""
    name = f"{number:04d}{Path(output['result']).suffix}"
    shared = result / f"{name}{_SHARED}"
    try:
        with suppress(OSError):  # no links here, none to files of other users (fs.protected_hardlinks), or too many already
            os.link(output["file"], shared, src_dir_fd=outbox, follow_symlinks=False)
        content = read_content(shared if shared.exists() else output["file"], output["bytes"], None if shared.exists() else outbox)
    except OSError as error:
        raise OriginalGone from error
    if hashlib.sha256(content).hexdigest() != output["sha256"]:
        raise OriginalGone
    with (result / name).open("xb") as file:  # readable for whom the encoders' files are
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return {**{key: value for key, value in output.items() if key != "file"}, "result": name}


def share_files(outbox: Path, job_folder: Path, job: Job, manifest: Mapping[str, Any]) -> None:
    """Exchange the copies of a published duplicate for links to the original files. Raises nothing: copies are as good.

    Args:
        manifest: as published.
    """
    if not manifest.get("duplicate_of"):
        return
    with suppress(OSError), open_folder(outbox, job.folder) as target:
        for output in manifest["outputs"]:
            copy, name = job_folder / RESULT / output["result"], output["file"]
            shared = copy.with_name(f"{copy.name}{_SHARED}")
            if shared.exists() and is_same_file(name, target, copy):
                exchange(shared, name, target)
                if not shared.samefile(copy):  # a user has replaced the file in this moment
                    exchange(shared, name, target)
