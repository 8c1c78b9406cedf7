"""The small models of tests/models/conftest.py, here as well (tests are no package, so it is loaded by path).

`bulk_script.py` beside this file can be imported: processes of their own run it as a script, too.
"""

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

_spec = importlib.util.spec_from_file_location("small_models", Path(__file__).parents[1] / "models" / "conftest.py")
_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_models)
loudness, network, noise_fixture, write = _models.loudness, _models.network, _models.noise_fixture, _models.write
