"""The process that draws one page of a PDF document: run as a script with the page's index, the document on its standard input.

PDFium parses untrusted input in C++. Here it can crash, loop or ask for memory without harm: the caller only sees that no answer came.

The answer is a line with the number of pages, then the page as PNG.
"""

import io
import math
import os
import resource
import sys

MEMORY_BYTES, CPU_S = 2 << 30, 20
LONGER_SIDE_PX, LARGEST_SCALE = 2000, 4.0


def main(index: int) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    count = len(document)
    sys.stdout.buffer.write(f"{count}\n".encode())
    sys.stdout.buffer.flush()  # now, in case that the page ends this process
    if index < count:
        page = document[index]
        width, height = page.get_size()
        if not (
            math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0 and max(width, height) < 200 * min(width, height)
        ):
            raise ValueError(f"the page is {width:g} x {height:g} points")
        scale = min(LONGER_SIDE_PX / max(width, height), LARGEST_SCALE)
        buffer = io.BytesIO()
        page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB").save(buffer, "PNG", compress_level=1)
        sys.stdout.buffer.write(buffer.getvalue())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        main(int(sys.argv[1]))
    except BaseException as error:  # noqa: BLE001 - said to the caller, who knows no more than what is written
        sys.stderr.write(f"{type(error).__name__}: {error}"[:300])
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
