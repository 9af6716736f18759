"""minidl schema: the JSON Schema of configs."""

from __future__ import annotations

import json

from minidl_cli.options import Debug


def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of configs.

    By it an editor completes and checks them. Save it, and name it in a config's first line:

    \b
      # yaml-language-server: $schema=schema.json

    \b
    Example:
      minidl schema > schema.json
    """
    from minidl.spec import json_schema  # here, so that --help needn't wait for it

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
