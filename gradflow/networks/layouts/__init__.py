"""Layouts: where each framework keeps the arrays of its recurrent layers, one a module.

Another package adds its own by an entry point of the group ``gradflow.layouts``, or by
``LAYOUTS.register("mine", Layout(...))``.
"""

from __future__ import annotations

from gradflow.networks.layouts.layout import Finding, Layout, Reading
from gradflow.registry import Registry

__all__ = ["LAYOUTS", "Finding", "Layout", "Reading"]

LAYOUTS: Registry[Layout] = Registry(
    kind="layout",
    group="gradflow.layouts",
    type="gradflow.networks.layouts.layout:Layout",
    own={
        "onnx": "gradflow.networks.layouts.onnx.finding:LAYOUT",
        "keras": "gradflow.networks.layouts.keras.finding:LAYOUT",
        **{
            name: f"gradflow.networks.layouts.{name}:LAYOUT"
            for name in ("torch", "flax", "unnamed", "own")
        },
    },
    advice="make your own by Layout(name=..., find=...)",
)
