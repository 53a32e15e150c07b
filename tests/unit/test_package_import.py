"""The import stays light, the public names exist and are documented."""

import importlib
import inspect
import json
import subprocess
import sys

import pytest

import recoverymetrics as rm

HEAVY = (
    "matplotlib",
    "statsmodels",
    "semopy",
    "girth",
    "factor_analyzer",
    "sklearn",
    "networkx",
    "great_tables",
    "pydantic",
    "typer",
)


def modules_after(statement: str) -> set[str]:
    code = (
        f"import sys, json\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_import_loads_nothing_heavy():
    loaded = modules_after("import recoverymetrics")
    assert not loaded & set(HEAVY)


def test_the_core_never_imports_the_second_engines():
    names = [name for name in rm.__all__ if name != "compare_engines"]
    loaded = modules_after(f"import recoverymetrics as rm\nfor n in {names!r}: getattr(rm, n)")
    assert not loaded & {"semopy", "girth", "factor_analyzer", "matplotlib"}


@pytest.mark.parametrize("name", rm.__all__)
def test_public_names_exist_and_have_docstrings(name):
    value = getattr(rm, name)
    if name != "__version__":
        assert inspect.getdoc(value)


@pytest.mark.parametrize("home", sorted(rm._HOMES))
def test_every_package_lists_its_public_face(home):
    package = importlib.import_module(f"recoverymetrics.{home}")
    assert set(rm._HOMES[home]) <= set(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rm.nothing


@pytest.mark.parametrize("name", [n for n in rm.__all__ if n[0].islower()])
def test_public_functions_are_annotated_and_document_their_parameters(name):
    function = getattr(rm, name)
    signature = inspect.signature(function)
    doc = inspect.getdoc(function) or ""
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        assert parameter.name.split(".")[0] in doc, f"{name}: parameter {parameter.name} is not documented"
