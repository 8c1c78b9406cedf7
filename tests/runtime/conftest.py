"""The small models of tests/models/conftest.py, here as well (tests are no package, so it is loaded by path)."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("small_models", Path(__file__).parents[1] / "models" / "conftest.py")
_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_models)
loudness, network, noise_fixture, write = _models.loudness, _models.network, _models.noise_fixture, _models.write
