"""Settings of the TorchServe client beside those of every model server: how images are sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pipeline.adapters.model_server.settings import ServerSettings


class ImageEncoding(StrEnum):
    """Encoding of images for the server; the values are file suffixes.

    Measured with a photograph of 750 x 1000 px and a server on the same machine, a whole detection: PPM (no compression) 53 ms and
    2.3 MB, PNG 108 ms and 0.9 MB, both exact; JPEG (quality 95, full chroma) 56 ms and 0.2 MB, and its artifacts move joints of faint
    drawings by up to 4 px. So PPM is the default, and the others are for slow connections.
    """

    PPM = "ppm"
    PNG = "png"
    JPEG = "jpeg"

    @property
    def media_type(self) -> str:
        """The Content-Type of the request."""
        return "image/x-portable-pixmap" if self is ImageEncoding.PPM else f"image/{self}"


@dataclass(frozen=True)
class TorchServeSettings(ServerSettings):
    """Settings of the TorchServe client.

    Attributes:
        longest_side_px: larger images are reduced before they are sent; TorchServe's own limit for a request is 6.5 MB.
        encoding: of the images.

    Raises: as `ServerSettings`.
    """

    longest_side_px: int = 1000
    encoding: ImageEncoding = ImageEncoding.PPM

    title: ClassVar[str] = "TorchServe"
    too_large_hint: ClassVar[str] = (
        "raise TorchServe's max_request_size, or the limit of a proxy before it; or set image_encoding to png or jpeg"
    )
