"""What `detect` and `tag` have in common: their options, and many recordings through a model."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from earmark.api.models import open_models
from earmark.errors import ConfigError
from earmark.files import PathLike, path_or_none
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.audio.listing import Listing
    from earmark.devices import Precision
    from earmark.engine import Engine
    from earmark.formats.ontology import Parents
    from earmark.runtime.bulk import Account, Backend, Sink, Verb, Work
    from earmark.runtime.ensemble import Ensemble
    from earmark.runtime.tagger import Tagger
    from earmark.stopwatch import Stopwatch


class BulkOptions(TypedDict, total=False):
    """The options of `detect` and of `tag`; each may be left out."""

    models: Sequence[PathLike]  # directories or names; several are fused, none is the model in the package
    output: PathLike | None  # folder, or file with the extension of the format; None: results are returned
    formats: Sequence[str]  # ("csv",) if left out
    min_score: float  # what scores lower is left out
    threshold: float | None  # one for all labels, instead of the model's own
    operating_point: PathLike | None  # a file or a name (xu2018, dcase2017), instead of the model's own
    window_plan: str | None  # cut recordings as live sound is cut (`open_models`)
    ontology: PathLike | None  # AudioSet's ontology.json or one like it: labels above are added
    device: str  # auto, cpu, cuda, cuda:1 ...
    precision: Precision  # auto, float32, bf16
    engine: str  # auto, torch, onnx (`earmark.opening`)
    files_from: Sequence[str]  # lists of recordings beside the inputs (`earmark.audio.listing`)
    shard: str | None  # "2/4": the second of four parts of the recordings, for `merge` to put together
    overwrite: bool  # begin anew what is in `output`
    retry_failed: bool  # try again what failed
    processes: int | None  # on this machine, 1 if left out; None: as many as suit it (`Bulk`)
    ray: str | None  # address of a Ray cluster, or "auto"
    allow_remote: bool  # read inputs that are URLs
    tagger: Tagger | Callable[[], Tagger] | None  # a model of your own, or a function that opens one
    sink: Sink | None  # called with name and results of each recording as they come, instead of returning them
    profile: bool  # measure where the time goes,
    began: float | None  # since this time of `time.perf_counter`
    reporter: Reporter


@dataclass
class Found:
    """The outcome of `detect` or `tag`, except the results themselves."""

    tagger: Tagger
    account: Account
    written: list[Path] = field(default_factory=list)  # the tables
    tracks: int = 0  # files written besides, one a recording
    watch: Stopwatch | None = None  # where the time went, where that was asked for
    notices: list[str] = field(default_factory=list)  # what was passed over in folders

    @property
    def complete(self) -> bool:
        """Whether every recording was read whole and scored."""
        return not self.account.failed and not self.account.partial


@dataclass(kw_only=True)
class Bulk:
    """Recordings, what is wanted of each, and the models to score them with; checked when made.

    Several `processes` each have the models. Where these are on a GPU, they are in this process alone, and the others
    read and decide around them. None is one process, and for many recordings on a GPU as many as there are processors
    but one. A program that asks for more than one must be guarded by `if __name__ == "__main__"`.
    """

    verb: Verb
    inputs: Sequence[PathLike]
    scores: PathLike | None = None  # folder for tables of frame scores
    models: Sequence[PathLike] = ()
    output: PathLike | None = None
    formats: Sequence[str] = ("csv",)
    min_score: float = 0.0
    threshold: float | None = None
    operating_point: PathLike | None = None
    window_plan: str | None = None
    ontology: PathLike | None = None
    device: str = "auto"
    precision: Precision = "auto"
    engine: str = "auto"
    files_from: Sequence[str] = ()
    shard: str | None = None
    overwrite: bool = False
    retry_failed: bool = False
    processes: int | None = 1
    ray: str | None = None
    allow_remote: bool = False
    tagger: Tagger | Callable[[], Tagger] | None = None
    sink: Sink | None = None
    profile: bool = False
    began: float | None = None
    reporter: Reporter = QUIET

    def __post_init__(self) -> None:
        from earmark.audio.listing import Listing, Shard
        from earmark.files import check_folder
        from earmark.formats.outputs import check_output

        check_output(path_or_none(self.output), self.formats, tags=self.verb == "tag")
        check_folder(path_or_none(self.scores))
        shard = None if self.shard is None else Shard.parse(self.shard)
        self.listing = Listing([os.fspath(each) for each in self.inputs], self.files_from, shard, self.allow_remote)

    def run(self, sink: Sink) -> tuple[Found, Mapping[str, Any] | None]:
        """All recordings into `output`, with a mapping of what it holds; without, to the sink, with None."""
        from earmark.runtime.bulk import decide_all

        with contextlib.ExitStack() as stack:
            tagger, backend = open_both(
                self._open,
                lambda: self._elsewhere(stack),
                lambda tagger: self._sharing(tagger, stack),
                may_share=self.ray is None and may_be_on_gpu(self.device),
            )
            return self._run(tagger, backend or functools.partial(decide_all, tagger, self._work()), sink)

    def _run(self, tagger: Tagger, backend: Backend, sink: Sink) -> tuple[Found, Mapping[str, Any] | None]:
        from earmark.errors import counted
        from earmark.formats.outputs import encoding_of
        from earmark.runtime.archive import Archive
        from earmark.runtime.bulk import Account, pass_on
        from earmark.runtime.place import Place, Stored

        listing, scores = self.listing, path_or_none(self.scores)
        above = self._labels_above(tagger)
        found = Found(tagger, Account(), watch=_watch(tagger, self.began) if self.profile else None)
        follow = self.reporter.counts("scoring")
        stored = None
        if self.output is None:
            if self.overwrite or self.retry_failed:
                raise ConfigError("--overwrite and --retry-failed are for what is in a folder: add -o FOLDER")
            if self.formats[0] == "dcase2017":
                encoding_of(self.verb, "dcase2017").check(listing.names())
            found.account = pass_on(self.verb, listing, backend, self.sink or sink, scores, follow)
        else:
            place = Place.of(self.verb, Path(self.output), self.formats)
            run = Archive(
                place,
                listing,
                self._begun_with(tagger, above),
                scores,
                overwrite=self.overwrite,
                retry_failed=self.retry_failed,
                follow=follow,
            )
            found.account = run.execute(backend)
            found.written, found.tracks = run.written, run.written_tracks
            for message in run.messages:
                self.reporter.say(message)
            stored = Stored(place, run.order)
        found.notices += [*listing.notices, *listing.problems]
        for action, number in found.account.actions.items():
            self.reporter.say(f"{action}: {counted(number, 'recording')}")
        return found, stored

    def _seconds(self) -> float | None:
        """How much audio there is, where that is soon known."""
        from earmark.runtime.bulk import seconds_of

        return seconds_of(self.listing)

    def _open(self) -> Tagger:
        if self.tagger is None:
            return self._opener(self._seconds, self.reporter)()
        return cast("Tagger", self.tagger) if hasattr(self.tagger, "stream") else self.tagger()

    def _open_elsewhere(self) -> Callable[[], Tagger]:
        """A function that another process can open the models with."""
        if self.tagger is None:
            return self._opener(_Known(self._seconds()), QUIET)
        if hasattr(self.tagger, "stream"):
            raise ConfigError("several processes need a function that opens the tagger, not the tagger itself")
        return self.tagger

    def _opener(self, seconds: Callable[[], float | None], reporter: Reporter) -> Callable[[], Tagger]:
        return functools.partial(
            open_models,
            list(self.models),
            device=self.device,
            precision=self.precision,
            engine=self.engine,
            seconds=seconds,
            threshold=self.threshold,
            operating_point=self.operating_point,
            window_plan=self.window_plan,
            reporter=reporter,
        )

    def _labels_above(self, tagger: Tagger) -> Parents:
        """The labels above the model's own, where an ontology is given."""
        if self.ontology is None:
            return {}
        from earmark.formats.ontology import read_parents

        above = read_parents(Path(self.ontology), tagger.labels)
        self.reporter.say(f"{self.ontology}: has labels above {len(above)} of the model's {len(tagger.labels)}")
        return above

    def _begun_with(self, tagger: Tagger, above: Parents) -> dict[str, Any]:
        """Everything that results depend on."""
        options = {
            "model": tagger.model.fingerprint(),
            "arithmetic": tagger.model.arithmetic,
            "operating point": tagger.operating_point.model_dump(mode="json", exclude={"origin"}),
            "min score": float(self.min_score),
            "frame scores": self.scores is not None,
        }
        if self.window_plan is not None:
            options["window plan"] = self.window_plan
        if self.ontology is not None:
            options["ontology"] = hashlib.sha256(json.dumps(above, sort_keys=True).encode()).hexdigest()
        return options if self.shard is None else {**options, "shard": self.shard}

    def _work(self) -> Work:
        from earmark.runtime.bulk import Work

        rates = "raven" in self.formats and self.verb == "detect"
        ontology = None if self.ontology is None else os.fspath(self.ontology)
        return Work(self.verb, self.min_score, rates, ontology=ontology, steady=self.output is not None)

    def _elsewhere(self, stack: contextlib.ExitStack) -> Backend | None:
        """What scores in other processes, where that is wanted; none of them outlives the stack."""
        if self.ray is None and self.processes in (None, 1):
            return None
        return elsewhere(self._open_elsewhere(), self._work(), self.processes, self.ray, stack)

    def _sharing(self, tagger: Tagger, stack: contextlib.ExitStack) -> Backend | None:
        """Other processes that read and decide, around the models in this one, where these are on a GPU."""
        from earmark.runtime.tagger import Tagger

        if type(tagger) is not Tagger:  # what a kind of one's own does is not known elsewhere
            return None
        around = functools.partial(Tagger, operating_point=tagger.operating_point)
        return sharing(tagger.model, around, self._work(), self.processes, self.listing, stack)


Opened = TypeVar("Opened")


def open_both(
    here: Callable[[], Opened],
    elsewhere: Callable[[], Backend | None],
    share: Callable[[Opened], Backend | None],
    *,
    may_share: bool,
) -> tuple[Opened, Backend | None]:
    """What `here` opens in this process, and others that work: with models of their own, or around this one.

    Where they `may_share` what is opened here, they are asked for after it, else they open theirs meanwhile.
    """
    if may_share:
        opened = here()
        return opened, share(opened) or elsewhere()
    backend = elsewhere()
    return here(), backend


def elsewhere(
    opener: Callable[[], Any], work: Work, processes: int | None, ray: str | None, stack: contextlib.ExitStack
) -> Backend | None:
    """Processes that begin to open their models now, or a Ray cluster; None where one process is to do all.

    `opener` must be picklable. No process outlives the stack.
    """
    if ray is not None:
        from earmark.runtime.distributed import RayBackend

        return RayBackend(opener, work, ray)
    if processes is not None and processes > 1:
        from earmark.runtime.processes import ProcessBackend

        backend = ProcessBackend(opener, work, processes)
        stack.callback(backend.close)
        backend.start()
        return backend
    return None


MANY = 100  # recordings, for which starting further processes is worth its second
MOST_PROCESSES = 24  # that are started without being asked for


def sharing(
    model: Engine | Ensemble,
    around: Callable[[Any], Any],
    work: Work,
    processes: int | None,
    listing: Listing,
    stack: contextlib.ExitStack,
) -> Backend | None:
    """A backend around a model on a GPU, ended with the stack; None where it is on none, or one process is enough."""
    from earmark.processors import processors
    from earmark.runtime.ensemble import engines_of
    from earmark.runtime.shared_model import SharedBackend

    if any(getattr(engine, "device", "cpu") == "cpu" for engine in engines_of(model)):
        return None
    if processes is None:
        processes = 1 if listing.few(MANY) is not None else min(MOST_PROCESSES, processors() - 1)
    if processes < 2:
        return None
    backend = SharedBackend(model, around, work, processes)
    stack.callback(backend.close)
    backend.start()
    return backend


def may_be_on_gpu(device: str) -> bool:
    """Whether a model may be opened on a GPU; found out without PyTorch."""
    from earmark.processors import may_have_gpu

    return may_have_gpu() if device == "auto" else device != "cpu"


@dataclass(frozen=True)
class _Known:
    """A function of one answer, for other processes."""

    answer: float | None

    def __call__(self) -> float | None:
        return self.answer


def _watch(tagger: Tagger, began: float | None) -> Stopwatch:
    """Measures where the time goes; what passed since `began` was loading."""
    from earmark.stopwatch import Stopwatch

    watch = tagger.scorer.stopwatch = Stopwatch(time.perf_counter() if began is None else began)
    watch.add("load", watch.began)
    return watch
