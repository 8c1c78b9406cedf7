"""The command line: one verb a file, no logic.

Results go to stdout or into files, messages and progress to stderr. Exit code 0: all done; 1: done, but some inputs
failed (or `doctor` found something); 2: nothing done, the one line on stderr says why. `--debug` shows the traceback.

`app` puts the verbs together. `card`, `clips`, `demo`, `detect`, `doctor`, `embed`, `evaluate`, `export`, `fuse`,
`import_`, `import_panns`, `listen`, `merge`, `push`, `recipes`, `reproduce`, `review`, `score`, `serve`, `similar`,
`synth`, `tag`, `train` and `tune` are a verb each. `choices` are options that several share; `console` and
`training_progress` are the terminal, `native` keeps it free of messages of C libraries; `recordings` is what `tag` and
`detect` have in common, `protocol` prints figures of official protocols.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    from earmark.cli.app import run

    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
