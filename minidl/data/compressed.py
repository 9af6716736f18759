"""A table that was packed by gzip or zip, unpacked within the limits of one that wasn't."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace

from minidl.data.source import MEBIBYTE, Source
from minidl.errors import DataError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


def unpacked(source: Source, limit: int) -> Source:
    """The same with the bytes of the table itself; its hash stays that of the file.

    Raises DataError where it isn't one table of at most `limit` bytes.
    """
    if source.content.startswith(GZIP):
        chunks = _gunzip
    elif source.content.startswith(ZIP):
        chunks = _unzip
    else:
        return source
    size = 0
    for chunk in chunks(source):  # unpacked twice, so that a bomb fills no memory
        size += len(chunk)
        if size > limit:
            raise DataError(
                f"{source.file}: unpacks to more than the {limit / MEBIBYTE:.3g} MiB of a table"
            )
    if not size:
        raise DataError(f"{source.file}: is empty inside")
    return replace(source, content=b"".join(chunks(source)))


def _gunzip(source: Source) -> Iterator[bytes]:
    """All members of a gzip file, one after the other."""
    rest = source.content
    try:
        while rest:
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            while rest and not member.eof:
                yield member.decompress(rest, MEBIBYTE)
                rest = member.unconsumed_tail
            if not member.eof:
                raise DataError(f"{source.file}: is cut short: the end of the gzip data is missing")
            rest = member.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise DataError(f"{source.file}: can't be read as gzip: {error}") from error


def _unzip(source: Source) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise DataError(
                    f"{source.file}: is a zip of {len(names)} files (or an Excel file); expected"
                    " one table in it: unpack it, or export the table as CSV"
                )
            with archive.open(names[0]) as member:
                while chunk := member.read(MEBIBYTE):
                    yield chunk
    except DataError:
        raise
    except Exception as error:  # zipfile raises many kinds for damaged, encrypted and odd ones
        raise DataError(f"{source.file}: can't be read as zip: {error}") from error
