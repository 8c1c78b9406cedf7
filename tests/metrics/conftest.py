import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def slow_psds():
    """The module slow_psds.py (tests are no package, so it is loaded by path)."""
    spec = importlib.util.spec_from_file_location("slow_psds", Path(__file__).with_name("slow_psds.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
