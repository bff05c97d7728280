"""What the bytes of a file show: its encoding, or what it is if it is not text."""

import codecs
from typing import BinaryIO

BLOCK_BYTES = 1024 * 1024

ENCODINGS = (
    # UTF-32's mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

WIDE = {"utf-16", "utf-32"}
"""Encodings in which a NUL byte is normal."""

BINARY = (
    (b"PK\x03\x04", "a zip archive (.xlsx and .docx are such archives): save it as text or CSV"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "compressed with gzip: send it as `gunzip -c FILE | greenscale submit --file -`"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"%PDF-", "a PDF: save its text"),
    (b"{\\rtf", "a rich text document (RTF): save it as text"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an older Office: save it as text or CSV"),
    (b"SQLite format 3\x00", "an SQLite database: export its rows as CSV"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF87a", "an image (GIF)"),
    (b"GIF89a", "an image (GIF)"),
    (b"\x7fELF", "a program"),
    (b"\x80\x04\x95", "a Python pickle"),
)
"""How files begin that are not text, and what to do about them. Others are recognised by their NUL bytes."""

NUL = (
    "is not text: it has a NUL byte in line {line}. Save it as UTF-8 (a file in UTF-16 needs its byte order mark, or "
    "convert it with iconv)"
)


class RefusedFile(ValueError):
    """Nothing in this file can be sent. The text follows the file's name and names the remedy."""


def encoding_of(head: bytes) -> str:
    """Return the encoding that a file's byte order mark names (default: UTF-8).

    Raises:
        RefusedFile: The first bytes are not those of a text.
    """
    for mark, encoding in ENCODINGS:
        if head.startswith(mark):
            return encoding
    for beginning, what in BINARY:
        if head.startswith(beginning):
            raise RefusedFile(f"is {what}")
    return "utf-8"


def check_whole(file: BinaryIO, encoding: str) -> None:
    """Check a file that can be read twice; its position stays.

    Raises:
        RefusedFile: It has a NUL byte, or is not in the encoding that its mark names.
    """
    start, lines = file.tell(), 1
    wide = encoding in WIDE
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(BLOCK_BYTES):
            if wide:
                decoder.decode(block)
                continue
            check_block(block, line=lines)
            lines += block.count(b"\n")
        if wide:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise RefusedFile(f"begins like {encoding.upper()} but is not: save it as UTF-8") from None
    finally:
        file.seek(start)


def check_block(block: bytes, *, line: int) -> None:
    """Refuse a NUL byte in a block that begins in this line; raises RefusedFile."""
    if (at := block.find(b"\0")) >= 0:
        raise RefusedFile(NUL.format(line=line + block[:at].count(b"\n")))
