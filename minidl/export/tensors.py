"""safetensors: the weights by name, and what they mean in the file's metadata."""

from __future__ import annotations

import json
from dataclasses import asdict

from safetensors.torch import save

from minidl.export.model import Model
from minidl.reference import counterpart


def safetensors_file(model: Model) -> bytes:
    """The state_dict of the exported PyTorch network; metadata are texts, lists as JSON."""
    tensors = counterpart(model.network).state_dict()
    described = {
        "input_shape": model.input_shape,
        "feature_names": model.feature_names,
        "class_names": model.class_names,
        "target_names": model.target_names,
        "scales": [asdict(scale) for scale in model.scales],
        "target_scale": asdict(model.target_scale) if model.target_scale else None,
        "finish": model.finish,
        "threshold": model.threshold,
    }
    metadata = {"name": model.name, "network": repr(model.network)}
    metadata |= {key: json.dumps(value) for key, value in described.items()}
    return save({name: x.contiguous() for name, x in tensors.items()}, metadata)
