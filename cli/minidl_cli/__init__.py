"""The command line of minidl."""

import minidl

if minidl.__file__ is None:
    # Python takes a folder of that name where it was started for the package: a clone's, mostly.
    _folder = next(iter(minidl.__path__))
    raise ImportError(
        f"the folder {_folder} hides the package minidl: start Python elsewhere, or rename it"
    )
