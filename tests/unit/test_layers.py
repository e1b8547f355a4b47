"""ukdlib's modules are stacked in layers; a module imports only from layers below its own."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ukdlib"
LAYERS = [  # DESIGN's four, with the floors inside them
    {
        "config",
        "sealing",
        "distributed",
        "interruption",
        "published",
        "schema",
        "provenance",
        "gamma",
        "tvl1_settings",
        "fusion",
        "losses",
        "statistics",
        "views",
        "crossfit",
        "folders",
        "grouping",
    },
    {"tvl1", "opencv_flow", "tvl1_triton", "journal", "records", "sealed_json"},
    {"tvl1_torch", "subsets", "darkroom"},
    {"flow", "metrics", "weights_checks", "data_checks", "splits", "decoding", "corrections"},
    {"config_checks"},
    {"measures", "video", "frames", "annotations", "logits", "torchvision_import", "devices"},
    {"networks", "alignment", "foreign", "listing"},
    {"checkpoints", "ensemble", "datasets"},
    {"augment", "clips", "split_checks"},
    {"inference", "optimization"},
    {"pretrained", "resuming", "torchrun"},
    {"training", "export"},
    {"knowledge"},
    {"cost"},
    {"tables", "figures", "report"},
]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
MODULES = sorted(PACKAGE.rglob("[a-z]*.py"))


def room(path: Path) -> str:
    """The module's name, or its sub-package's."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_modules(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ukdlib"):
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("ukdlib."))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    here = room(path)
    for imported in set(imported_modules(path)) - {here}:
        assert LEVEL[imported] < LEVEL[here], f"{here} must not import {imported}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_library_does_not_know_the_workflow(path):
    text = path.read_text().lower()
    assert "snakemake" not in text and 'config.yaml")' not in text


def test_the_package_itself_imports_nothing():
    assert (PACKAGE / "__init__.py").read_text() == ""
