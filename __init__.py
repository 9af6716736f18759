"""Imported only from the folder above a clone named minidl, where Python takes it for the package.

Without this file it would be a namespace package there: `minidl.nn`, but no `minidl.compile`.
"""

from pathlib import Path

__path__ = [str(Path(__file__).with_name("minidl"))]
exec(Path(__path__[0], "__init__.py").read_text())
