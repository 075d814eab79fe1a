"""Untrusted PDF and ZIP documents: their pages, their limits, and what hostile ones do."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from pipeline.adapters.documents import reader
from pipeline.adapters.documents.reader import DocumentKind, document_kind, read_pages
from pipeline.adapters.reading.image_reader import decode_drawing
from pipeline.errors import DecodeError
from pipeline.types.decode_limits import DecodeLimits


def pdf(*colors: str, size: tuple[int, int] = (80, 60)) -> bytes:
    first, *others = (Image.new("RGB", size, color) for color in colors)
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=others)
    return buffer.getvalue()


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def png(color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(buffer, "PNG")
    return buffer.getvalue()


def refusal(source: bytes) -> str:
    with pytest.raises(DecodeError) as refused:
        list(read_pages(source, name="scans"))
    return str(refused.value)


def test_knows_documents_by_their_content() -> None:
    assert [document_kind(each) for each in (pdf("red"), zipped(("a.png", b"")), png(), b"")] == [
        DocumentKind.PDF,
        DocumentKind.ZIP,
        None,
        None,
    ]


def test_draws_each_page_of_a_pdf() -> None:
    pages = list(read_pages(pdf("red", "blue"), name="scans.pdf"))
    drawings = [decode_drawing(page.content, name=page.name) for page in pages if isinstance(page.content, bytes)]
    assert [page.number for page in pages] == [1, 2]
    assert [drawing.rgb[5, 5].argmax() for drawing in drawings] == [0, 2]
    assert 200 <= max(drawings[0].rgb.shape) <= 2000


def test_reads_images_of_a_zip_and_skips_the_rest() -> None:
    entries = [
        ("__MACOSX/._a.png", b"x"),
        ("class/a.PNG", png()),
        ("read me.txt", b"x"),
        (".hidden.png", b"x"),
        ("../../b.png", png("blue")),
    ]
    pages = list(read_pages(zipped(*entries), name="scans.zip"))
    assert [(page.number, page.name) for page in pages] == [(1, "a.PNG"), (2, "b.png")]
    assert all(isinstance(page.content, bytes) for page in pages)


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        (b"%PDF-1.7\n garbage", "the PDF can't be read"),
        (pdf("red")[:300], "the PDF can't be read"),
        (b"PK\3\4" + bytes(50), "the ZIP is damaged"),
        (zipped(("a.txt", b"x")), "no image in this ZIP"),
        (zipped(*((f"{number}.png", b"") for number in range(51))), "too many pages: expected at most 50, found 51"),
        (zipped(*((f"{number}.txt", b"") for number in range(5001))), "too many files: expected at most 5000, found 5001"),
    ],
)
def test_refuses_documents_that_can_not_be_read(source: bytes, reported: str) -> None:
    assert reported in refusal(source)


def test_unpacks_no_more_than_an_image_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "DEFAULT_LIMITS", DecodeLimits(max_bytes=100_000))
    bomb = zipped(("bomb.png", bytes(50_000_000)), ("a.png", png()))
    first, second = read_pages(bomb, name="scans.zip")
    assert "expected at most 100000 bytes unpacked" in str(first.content)
    assert isinstance(second.content, bytes)
    assert "the document is too big" in refusal(zipped(("a.png", bytes(200_000)), method=zipfile.ZIP_STORED))


def test_bad_image_of_a_zip_fails_alone() -> None:
    whole = zipped(("a.png", png()), ("b.png", png()), method=zipfile.ZIP_STORED)
    spoilt = whole.replace(b"IDAT", b"JDAT", 1)
    first, second = read_pages(spoilt, name="scans.zip")
    assert "damaged" in str(first.content)
    assert isinstance(second.content, bytes)
    (packed,) = read_pages(zipped(("a.png", png()), method=zipfile.ZIP_BZIP2), name="scans.zip")
    assert "compression is not supported" in str(packed.content)


def test_pdf_that_takes_forever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PATIENCE_S", 0.001)
    assert "is not drawn within" in refusal(pdf("red"))


def test_page_of_a_strange_shape_fails_alone() -> None:
    (page,) = read_pages(pdf("red", size=(9000, 20)), name="scans.pdf")
    assert "the page is" in str(page.content)
