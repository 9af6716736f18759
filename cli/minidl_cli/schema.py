"""minidl schema: the JSON Schema of configs."""

from __future__ import annotations

import json


def schema() -> None:
    """Print the JSON Schema by which an editor completes and checks configs.

    Save it, and name it in a config's first line: # yaml-language-server: $schema=schema.json
    """
    from minidl.spec import json_schema  # here, so that --help needn't wait for it

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
