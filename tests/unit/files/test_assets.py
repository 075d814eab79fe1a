"""Where shipped data is found."""

from __future__ import annotations

import pytest

from pipeline.errors import PermanentError
from pipeline.files.assets import AssetKind, asset_folder


def test_a_checkout_has_its_data_in_etc():
    assert (asset_folder(AssetKind.RETARGET) / "doodled.yaml").is_file()


def test_an_installed_wheel_has_it_in_the_package(tmp_path):
    package = tmp_path / "pipeline"
    (tmp_path / "etc" / "motions").mkdir(parents=True)
    assert asset_folder(AssetKind.MOTIONS, package=package) == tmp_path / "etc" / "motions"
    (package / "assets" / "motions").mkdir(parents=True)
    assert asset_folder(AssetKind.MOTIONS, package=package) == package / "assets" / "motions"


def test_missing_data_is_reported(tmp_path):
    with pytest.raises(PermanentError, match="shipped motions are missing"):
        asset_folder(AssetKind.MOTIONS, package=tmp_path / "pipeline")
