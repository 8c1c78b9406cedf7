"""A server whose model finds tones (`tests/tone_engine.py`), for tests in a browser: `tone_server.py OUTPUT [RESULTS]`.

Prints its address. Runs until SIGTERM.
"""

import contextlib
import importlib.util
import sys
from pathlib import Path

from earmark.decisions import OperatingPoint
from earmark.runtime.review import Review
from earmark.runtime.tagger import Tagger
from earmark.web.server import serve
from earmark.web.settings import Settings

spec = importlib.util.spec_from_file_location("tone_engine", Path(__file__).parents[1] / "tone_engine.py")
tone_engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tone_engine)


def main(output: Path, *results: Path) -> None:
    """Serve."""
    tagger = Tagger(tone_engine.ToneEngine(), OperatingPoint.plain(tone_engine.HERTZ))
    with contextlib.ExitStack() as stack:
        review = stack.enter_context(Review.open(results[0])) if results else None
        settings = Settings({"tones": tagger}, port=0, output=output, root=output, review=review)
        serve(settings, lambda text: print(text, flush=True))  # noqa: T201 - the test reads the address


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
