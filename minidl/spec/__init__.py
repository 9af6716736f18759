"""The typed, closed description of a run: a YAML file with positions → `Spec`.

The pieces of a spec are named after their type and group: `SgdOptimizer` in optimizer.py, `CsvData`
in data.py; here are those that others ask for by name. Start reading at load.py (text → nodes →
full form → `Spec`) and spec.py. Every problem is found at once, with its place; nothing here
imports torch or reads data.
"""

from minidl.spec.data import ArraysData
from minidl.spec.dump import dump
from minidl.spec.jsonschema import json_schema
from minidl.spec.layer import LinearLayer
from minidl.spec.member import Member
from minidl.spec.model import MlpModel, SequentialModel
from minidl.spec.parse import load_spec, parse_spec
from minidl.spec.reference import component_groups
from minidl.spec.report import ReportTable
from minidl.spec.spec import Spec
from minidl.spec.study import load_report
from minidl.spec.sweep import Sweep, load_sweep
from minidl.spec.table import CsvData

__all__ = [
    "ArraysData",
    "CsvData",
    "LinearLayer",
    "Member",
    "MlpModel",
    "ReportTable",
    "SequentialModel",
    "Spec",
    "Sweep",
    "component_groups",
    "dump",
    "json_schema",
    "load_report",
    "load_spec",
    "load_sweep",
    "parse_spec",
]
