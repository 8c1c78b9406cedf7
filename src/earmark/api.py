"""Everything earmark does, as Python calls. The command line parses its arguments, calls one of these, and prints.

    earmark.api.train("clips.csv", "model", valid="timed")
    earmark.api.tune("model", "timed", objective="event-f1")
    earmark.api.detect(["new"], models=["model"], output="found", formats=["csv", "audacity"])
    earmark.api.evaluate(["model"], "test", report="report")

To score recordings one by one in a program of your own, `earmark.load` is the shorter way. Nothing here prints: a
a `Reporter` receives the progress, and the results are returned. Every call raises `earmark.EarmarkError`,
whose message is one line, where nothing could be done; recordings that failed while others did not are returned.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from earmark.errors import ConfigError, OutputError
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.data.records import Manifest, Problem
    from earmark.decisions import OperatingPoint
    from earmark.decisions.tuning import Tuned
    from earmark.devices import Precision
    from earmark.evaluation.labelled import ScoredClips
    from earmark.evaluation.report import Measured
    from earmark.events import EventLog
    from earmark.metrics.evaluation import Evaluation
    from earmark.metrics.files import Scored as ProtocolScores
    from earmark.recipes import Recipe
    from earmark.report.comparison import Comparison
    from earmark.runtime.bulk import Account, Backend, Verb
    from earmark.runtime.clips import CutClips, Order
    from earmark.runtime.passing import Sink
    from earmark.runtime.tagger import Tagger
    from earmark.stopwatch import Stopwatch
    from earmark.training.card import Trained
    from earmark.training.transfer import Source

PathLike = str | os.PathLike[str]
DEFAULT_RECIPE, FINE_TUNE_RECIPE = "default", "fine-tune"  # with a model to begin with, the second replaces the first
ANEW = "none"  # of `start_from`: begin with no model

__all__ = [
    "Detected",
    "Evaluated",
    "Found",
    "Fused",
    "Merged",
    "Tagged",
    "TrainingResult",
    "TuningResult",
    "clips",
    "detect",
    "evaluate",
    "fuse",
    "merge",
    "open_models",
    "score",
    "score_protocol",
    "tag",
    "train",
    "tune",
]


# ---------------------------------------------------------------------------------------------------------- training


@dataclass(frozen=True)
class TrainingResult:
    """What came of `train`."""

    model: Path  # the model directory
    trained: Trained | None  # None: it was finished already
    problems: tuple[Problem, ...]  # rows, clips and labels left out
    profile: Path | None = None  # where the time went, where that was asked for


def train(
    data: PathLike,
    output: PathLike,
    *,
    recipe: str = DEFAULT_RECIPE,
    changes: Sequence[str] = (),
    start_from: str | None = None,
    freeze: Literal["encoder", "blocks"] | None = None,
    audio: PathLike | None = None,
    valid: PathLike | None = None,
    valid_audio: PathLike | None = None,
    valid_fraction: float = 0.15,
    valid_fold: str | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    unlabelled: PathLike | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    processes: int = 1,
    workers: int = 0,
    cache: Literal["auto", "on", "off"] = "auto",
    profile: bool = False,
    overwrite: bool = False,
    command: str = "",
    reporter: Reporter = QUIET,
) -> TrainingResult:
    """Train a model on clips that carry only tags; a run that was stopped continues where it stopped.

    `changes` are "key=value" changes of the recipe. `start_from` names the model to begin with, whose `freeze` part
    stays as it is; "none" begins with no model. Where it is None and nothing else says how (a recipe, a network of the
    user's), few clips begin with a model at hand that tells their labels apart (`training/origin.py`), by the recipe
    `fine-tune`. Validation clips are those of `valid`, else of the fold `valid_fold`, else a stratified share
    `valid_fraction` is set aside. `separator` divides labels in one cell of a table, `label_column` is that of Raven
    tables. `unlabelled` recordings are used by self-training. `epochs` are passes over the
    data, `steps` updates in all. `command` is noted in the model card.
    """
    from earmark.training.run import require_engine

    require_engine()
    from earmark.data.manifest import Reading
    from earmark.data.reading import Wanted, read_parts
    from earmark.data.unlabelled import read_unlabelled
    from earmark.devices import resolve_device, tune_allocator
    from earmark.models.directory import MEMBERS
    from earmark.recipes import load_recipe
    from earmark.recipes.members import load_members, member_seeds
    from earmark.training.loop import PROFILE, Machine
    from earmark.training.request import STATE, FusedRequest, Request, clear
    from earmark.training.run import Run, is_follower

    output = Path(output)
    source = _source(start_from, freeze, output)
    chosen, members = load_members(recipe, changes)
    if members:
        _check_members(chosen, source, processes)
    else:
        chosen = load_recipe(recipe, changes, source.network if source else None)
    machine = Machine(resolve_device(device), precision, processes, workers, profile)
    part = Wanted(_path(valid), _path(valid_audio), valid_fraction, valid_fold, Reading(separator, label_column))
    train_part, valid_part, doubts = read_parts(Path(data), _path(audio), part, seed)
    if _may_choose(start_from, recipe, changes, processes):
        source = _chosen(train_part, None if overwrite else output, seed, machine.device, reporter)
    if source is not None and recipe == DEFAULT_RECIPE:
        chosen = load_recipe(FINE_TUNE_RECIPE, changes, source.network)
    extra = None
    if unlabelled is not None:
        extra = read_unlabelled(Path(unlabelled), [train_part, *([valid_part] if valid_part else [])])
        doubts = (*doubts, *extra.problems)
        _say_unlabelled(reporter, extra, list(members.values()) or [chosen])

    def asked(what: Recipe, where: Path, seed: int) -> Request:
        training = what.training.lasting(epochs, steps)
        training = training if extra is None else training.self_trained()
        text = what.model_copy(update={"training": training}).to_yaml()
        return Request(
            train=train_part,
            valid=valid_part,
            network=what.network,
            training=training,
            output=where,
            seed=seed,
            recipe=text,
            cache=cache,
            source=source,
            unlabelled=extra,
        )

    request: Request | FusedRequest
    if members:
        seeds = member_seeds(members, seed)
        requests = {name: asked(member, output / MEMBERS / name, seeds[name]) for name, member in members.items()}
        request = FusedRequest(requests, output, chosen.to_yaml())
    else:
        request = asked(chosen, output, seed)
    if overwrite and not is_follower():
        clear(output)
    tune_allocator()
    trained = Run(request, machine, reporter, recipe=chosen.name, command=command).execute()
    problems = (*doubts, *(trained.problems if trained else ()))
    return TrainingResult(output, trained, problems, output / STATE / PROFILE if profile else None)


def _may_choose(start_from: str | None, recipe: str, changes: Sequence[str], processes: int) -> bool:
    """Whether nothing says what to begin with: no model, no recipe, no network of the user's, and one process."""
    network = any(change.partition("=")[0].partition(".")[0] == "network" for change in changes)
    return start_from is None and recipe == DEFAULT_RECIPE and not network and processes == 1


def _chosen(train: Manifest, output: Path | None, seed: int, device: str, reporter: Reporter) -> Source | None:
    """What a training begins with where nobody says so, or began with in `output`; the reporter says what, and why."""
    from earmark.hub import at_hand
    from earmark.training.origin import choose_origin, chosen_before

    models = at_hand()
    if output is not None and (before := chosen_before(output, models)) is not None:
        return before.source
    origin = choose_origin(train, models, seed=seed, device=device, stage=reporter.stage)
    reporter.say(f"{origin.reason}; --from chooses otherwise")
    return origin.source


def _source(start_from: str | None, freeze: Literal["encoder", "blocks"] | None, output: Path) -> Source | None:
    """The model to begin with, fetched where it is a public one."""
    from earmark.hub import locate
    from earmark.training.transfer import Source

    if start_from in (None, ANEW):
        if freeze is not None:
            raise ConfigError(f"--freeze {freeze} keeps a part of a model as it is: name that model with --from MODEL")
        return None
    source = Source(start_from, locate(start_from), freeze)
    if source.directory.resolve() == output.resolve():
        raise ConfigError(
            f"--from {start_from} and -o {output} are the same directory; choose another output directory"
        )
    return source


def _check_members(recipe: Recipe, source: Source | None, processes: int) -> None:
    """What cannot be asked of a recipe with members."""
    if source is not None:
        raise ConfigError(f"recipe {recipe.name!r} trains several networks, but --from is for a single one")
    if processes > 1:
        theirs = " and ".join(dict.fromkeys(recipe.members))
        raise ConfigError(
            f"recipe {recipe.name!r} trains in one process; to use --processes, train {theirs} one by one, then join "
            "them with 'earmark fuse'"
        )


def _say_unlabelled(reporter: Reporter, extra: Manifest, recipes: Sequence[Recipe]) -> None:
    """How many clips without labels there are, and whether the recipe had to be changed for them."""
    from earmark.report.tables import counted

    reporter.say(f"{counted(len(extra), 'clip')} without labels from {extra.source}")
    if any(recipe.training.self_training is None for recipe in recipes):
        reporter.say(
            "unlabelled clips need self-training; the recipe has none, so it is switched on with default settings"
        )


@dataclass(frozen=True)
class Fused:
    """What came of `fuse`."""

    model: Path
    members: tuple[str, ...]
    point: OperatingPoint


def fuse(models: Sequence[PathLike], output: PathLike, *, command: str = "") -> Fused:
    """Put models together into one whose scores are the mean of theirs; weights are copied."""
    from earmark.hub import locate
    from earmark.models.directory import join
    from earmark.training.card import fused_card

    output = Path(output)
    fusion, point = join(
        [locate(model) for model in models],
        output,
        lambda *found: fused_card(*found, name=output.name, command=command),
    )
    return Fused(output, fusion.names, point)


# ------------------------------------------------------------------------------------------------------ tags, events


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


@dataclass
class Detected(Found):
    """What came of `detect`."""

    events: EventLog | Mapping[str, Any] = field(default_factory=dict)
    total: int = 0


@dataclass
class Tagged(Found):
    """What came of `tag`."""

    tags: Mapping[str, Any] = field(default_factory=dict)


def open_models(
    models: Sequence[PathLike] = (),
    *,
    device: str = "auto",
    precision: Precision = "auto",
    engine: str = "auto",
    seconds: Callable[[], float | None] = lambda: None,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    reporter: Reporter = QUIET,
) -> Tagger:
    """A model ready to run, or several as one; without any, the one in the package.

    `threshold` replaces the model's own thresholds by one; `operating_point` is a file, or a name (xu2018, dcase2017).
    `engine` and `seconds` are those of `earmark.opening.open_tagger`.
    """
    from earmark.hub import box, locate
    from earmark.opening import open_tagger

    if threshold is not None and operating_point is not None:
        raise ConfigError("--threshold and --operating-point exclude each other; give one of them")
    directories = [locate(model) for model in models]
    tagger = open_tagger(
        directories or [box.directory()], device=device, precision=precision, engine=engine, seconds=seconds
    )
    if "torch" in sys.modules:
        from earmark.devices import tune_allocator

        tune_allocator()  # now: what loading took for a while is given back, not kept
    if not directories:
        reporter.say(box.notice(len(tagger.operating_point.reportable)))
    if len(directories) > 1 and operating_point is None:
        reporter.say(f"{len(directories)} models fused; operating point: {tagger.operating_point.origin}")
        reporter.say("for better results join them with 'earmark fuse', then tune the result with 'earmark tune'")
    if operating_point is not None:
        tagger.operating_point = _point(Path(operating_point), tagger)
    if threshold is not None:
        tagger.operating_point = tagger.operating_point.with_threshold(threshold)
    return tagger


def _point(file: Path, tagger: Tagger) -> OperatingPoint:
    """The operating point in a file, or of a name, checked to know the model's labels."""
    from earmark.decisions import OperatingPoint, named_point

    named = not file.exists() and not file.suffix and file.name == str(file)
    point = named_point(str(file), tagger.labels) if named else OperatingPoint.load(file)
    for label in tagger.labels:
        point.of(label)
    return point


def detect(
    inputs: Sequence[PathLike] = (),
    *,
    models: Sequence[PathLike] = (),
    output: PathLike | None = None,
    formats: Sequence[str] = ("csv",),
    min_score: float = 0.0,
    scores: PathLike | None = None,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    engine: str = "auto",
    profile: bool = False,
    began: float | None = None,
    reporter: Reporter = QUIET,
    files_from: Sequence[str] = (),
    shard: str | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    processes: int = 1,
    ray: str | None = None,
    allow_remote: bool = False,
    tagger: Tagger | Callable[[], Tagger] | None = None,
    sink: Sink | None = None,
) -> Detected:
    """When each event starts and stops in files and folders, of any length and rate.

    With `output`, every result is written as soon as it is there, and the same call goes on where it was stopped;
    `overwrite` begins anew, `retry_failed` tries again what failed. Other options than those it was begun with raise
    `ConfigError`. Without `output` the events are returned and nothing is written; with a `sink`, it is called with
    name and events of each recording instead, as they come.

    `scores` is a folder for a table of frame scores a recording. `files_from` are lists of recordings beside `inputs`
    (`earmark.audio.listing`). `shard` ("2/4") takes a part of them, for `merge` to put together. `processes` work on
    one machine, `ray` ("auto" or an address) on a Ray cluster. URLs are read where `allow_remote`. `profile`
    measures where the time goes, since `began` (`time.perf_counter`). `engine` is auto, torch or onnx
    (`earmark.opening`). `tagger` is a model of your own, or a function that opens one.
    """
    from earmark.events import EventLog
    from earmark.files import check_folder
    from earmark.formats.outputs import check_output

    check_output(_path(output), formats)
    check_folder(_path(scores))
    bulk = _Bulk(
        verb="detect",
        inputs=inputs,
        files_from=files_from,
        shard=shard,
        output=output,
        formats=formats,
        min_score=min_score,
        scores=scores,
        overwrite=overwrite,
        retry_failed=retry_failed,
        processes=processes,
        ray=ray,
        allow_remote=allow_remote,
        profile=profile,
        began=began,
        reporter=reporter,
    )
    opening = _Opening(
        models=models,
        device=device,
        precision=precision,
        engine=engine,
        bulk=bulk,
        threshold=threshold,
        operating_point=operating_point,
        given=tagger,
        reporter=reporter,
    )
    found = Detected(opening(), _account())
    log = EventLog()
    stored = bulk.run(found, opening, log.add if sink is None else sink)
    found.events = log if stored is None else stored
    found.total = found.account.items
    return found


def tag(
    inputs: Sequence[PathLike] = (),
    *,
    models: Sequence[PathLike] = (),
    output: PathLike | None = None,
    formats: Sequence[str] = ("csv",),
    min_score: float = 0.0,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    engine: str = "auto",
    profile: bool = False,
    began: float | None = None,
    reporter: Reporter = QUIET,
    files_from: Sequence[str] = (),
    shard: str | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    processes: int = 1,
    ray: str | None = None,
    allow_remote: bool = False,
    tagger: Tagger | Callable[[], Tagger] | None = None,
    sink: Sink | None = None,
) -> Tagged:
    """What is in each recording; a tag of a long recording may hold for only part of it. Arguments as of `detect`."""
    from earmark.formats.outputs import check_output

    check_output(_path(output), formats, tags=True)
    bulk = _Bulk(
        verb="tag",
        inputs=inputs,
        files_from=files_from,
        shard=shard,
        output=output,
        formats=formats,
        min_score=min_score,
        scores=None,
        overwrite=overwrite,
        retry_failed=retry_failed,
        processes=processes,
        ray=ray,
        allow_remote=allow_remote,
        profile=profile,
        began=began,
        reporter=reporter,
    )
    opening = _Opening(
        models=models,
        device=device,
        precision=precision,
        engine=engine,
        bulk=bulk,
        threshold=threshold,
        operating_point=operating_point,
        given=tagger,
        reporter=reporter,
    )
    found = Tagged(opening(), _account())
    tags: dict[str, list[tuple[str, float]]] = {}
    stored = bulk.run(found, opening, tags.__setitem__ if sink is None else sink)
    found.tags = tags if stored is None else stored
    return found


@dataclass(kw_only=True)
class _Opening:
    """Opens the models once in this process, and knows how other processes do."""

    models: Sequence[PathLike]
    device: str
    precision: Precision
    engine: str
    bulk: _Bulk  # knows how much there is to listen to
    threshold: float | None
    operating_point: PathLike | None
    given: Tagger | Callable[[], Tagger] | None
    reporter: Reporter
    opened: Tagger | None = None

    def __call__(self) -> Tagger:
        if self.opened is None:
            if self.given is None:
                self.opened = self._how(self.bulk.seconds, self.reporter)()
            else:
                opened = self.given if hasattr(self.given, "stream") else self.given()
                self.opened = cast("Tagger", opened)
        assert self.opened is not None
        return self.opened

    def elsewhere(self) -> Callable[[], Tagger]:
        """A function that another process can open them with."""
        if self.given is None:
            return self._how(_Known(self.bulk.seconds()), QUIET)
        if hasattr(self.given, "stream"):
            raise ConfigError("several processes need a function that opens the tagger, not the tagger itself")
        return self.given

    def _how(self, seconds: Callable[[], float | None], reporter: Reporter) -> Callable[[], Tagger]:
        return functools.partial(
            open_models,
            list(self.models),
            device=self.device,
            precision=self.precision,
            engine=self.engine,
            seconds=seconds,
            threshold=self.threshold,
            operating_point=self.operating_point,
            reporter=reporter,
        )


@dataclass(frozen=True)
class _Known:
    """A function of one answer, for other processes."""

    answer: float | None

    def __call__(self) -> float | None:
        return self.answer


@dataclass(kw_only=True)
class _Bulk:
    """What is asked of `detect` and `tag` besides the models."""

    verb: Verb
    inputs: Sequence[PathLike]
    files_from: Sequence[str]
    shard: str | None
    output: PathLike | None
    formats: Sequence[str]
    min_score: float
    scores: PathLike | None
    overwrite: bool
    retry_failed: bool
    processes: int
    ray: str | None
    allow_remote: bool
    profile: bool
    began: float | None
    reporter: Reporter

    def __post_init__(self) -> None:
        from earmark.audio.listing import Listing, Shard

        shard = None if self.shard is None else Shard.parse(self.shard)
        self.listing = Listing([os.fspath(each) for each in self.inputs], self.files_from, shard, self.allow_remote)

    def seconds(self) -> float | None:
        """How much audio there is to listen to, where that is soon known."""
        from earmark.runtime.bulk import seconds_of

        return seconds_of(self.listing)

    def run(self, found: Found, opening: _Opening, sink: Sink) -> Any:
        """All recordings: into `output`, returning a mapping of what it holds, or to the sink, returning None."""
        from earmark.formats.outputs import encoding_of
        from earmark.report.tables import counted
        from earmark.runtime.archive import Archive
        from earmark.runtime.passing import pass_on
        from earmark.runtime.place import Place, Stored

        listing = self.listing
        if self.profile:
            found.watch = _watch(found.tagger, self.began)
        backend = self._backend(found, opening)
        follow = self.reporter.counts("scoring")
        stored = None
        if self.output is None:
            if self.overwrite or self.retry_failed:
                raise ConfigError("--overwrite and --retry-failed are for what is in a folder: add -o FOLDER")
            if self.formats[0] == "dcase2017":
                encoding_of(self.verb, "dcase2017").check(listing.names())
            found.account = pass_on(self.verb, listing, backend, sink, _path(self.scores), follow)
        else:
            place = Place.of(self.verb, Path(self.output), self.formats)
            run = Archive(
                place,
                listing,
                self._options(found.tagger),
                _path(self.scores),
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
        return stored

    def _options(self, tagger: Tagger) -> dict[str, Any]:
        """Everything that results depend on."""
        options = {
            "model": tagger.model.fingerprint(),
            "arithmetic": tagger.model.arithmetic,
            "operating point": tagger.operating_point.model_dump(mode="json", exclude={"origin"}),
            "min score": float(self.min_score),
            "frame scores": self.scores is not None,
        }
        return options if self.shard is None else {**options, "shard": self.shard}

    def _backend(self, found: Found, opening: _Opening) -> Backend:
        from earmark.runtime.bulk import Work, decide_all

        work = Work(self.verb, self.min_score, "raven" in self.formats and self.verb == "detect")
        if self.ray is not None:
            from earmark.runtime.distributed import RayBackend

            return RayBackend(opening.elsewhere(), work, self.ray)
        if self.processes > 1:
            from earmark.runtime.processes import ProcessBackend

            return ProcessBackend(opening.elsewhere(), work, self.processes)
        return functools.partial(decide_all, found.tagger, work)


@dataclass(frozen=True)
class Merged:
    """What came of `merge`."""

    verb: Verb
    account: Account
    written: list[Path]  # the tables
    tracks: int  # files written besides, one a recording

    @property
    def complete(self) -> bool:
        """Whether every recording was read whole and scored."""
        return not self.account.failed and not self.account.partial


def merge(parts: Sequence[PathLike], output: PathLike, *, formats: Sequence[str] = ()) -> Merged:
    """Put the folders that `detect` or `tag` wrote with `shard` together, as one run would have written them.

    `formats` are those of the parts where none are given. Shards that do not belong together, are missing or there
    twice raise.
    """
    from earmark.runtime.merging import merge_parts, read_parts

    if not parts:
        raise ConfigError("nothing to merge: give the folders that --shard wrote")
    found = read_parts([Path(each) for each in parts])
    return Merged(found[0].place.verb, *merge_parts(found, Path(output), formats))


def clips(
    events: PathLike,
    output: PathLike,
    *,
    per_label: int | None = None,
    order: Order = "confident",
    pad: float = 0.0,
    seed: int = 0,
    audio: PathLike | None = None,
) -> CutClips:
    """Cut sound files around the events of a table or folder that `detect` wrote, and write a table of them.

    `order` says which of each label are taken where they are more than `per_label`; `pad` is in seconds. `audio` is the
    folder of the recordings, where they are not where `detect` found them. The table `clips.csv` can be trained with.
    """
    from earmark.files import check_folder
    from earmark.formats import read_events
    from earmark.runtime.clips import choose, cut, find_audio

    table, folder = Path(events), Path(output)
    check_folder(folder)
    if table.is_dir() and (table / "events.csv").is_file():
        table = table / "events.csv"
    chosen = choose(read_events(table), per_label, order, pad, seed)
    return cut(chosen, find_audio(chosen, table, _path(audio)), folder)


def _account() -> Account:
    from earmark.runtime.bulk import Account

    return Account()


def _watch(tagger: Tagger, began: float | None) -> Stopwatch:
    """Measures where the time goes; what passed since `began` was loading."""
    from earmark.stopwatch import Stopwatch

    watch = tagger.scorer.stopwatch = Stopwatch(time.perf_counter() if began is None else began)
    watch.add("load", watch.began)
    return watch


# ----------------------------------------------------------------------------------------------- tuning, measuring


@dataclass(frozen=True)
class TuningResult:
    """What came of `tune`."""

    path: Path  # of the operating point
    tuned: Tuned
    scored: ScoredClips
    tagger: Tagger
    problems: tuple[Problem, ...]  # rows and clips left out


def tune(
    model: PathLike,
    data: PathLike,
    *,
    audio: PathLike | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    objective: str | None = None,
    method: Literal["auto", "threshold", "boxes"] = "auto",
    calibrate: Literal["platt", "isotonic", "none"] | None = None,
    output: PathLike | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    reporter: Reporter = QUIET,
) -> TuningResult:
    """Choose thresholds and smoothing for each label, and store them in the model, or in the file `output`.

    `objective`: segment-f1, event-f1, tagging-f1 (each also -micro), error-rate, psds1, psds2, precision=0.9,
    recall=0.9. Default: segment-f1 with strong labels, tagging-f1 without. `separator` and
    `label_column` as of `train`.
    """
    from earmark.data.manifest import Reading, read_manifest
    from earmark.decisions import FILE_NAME
    from earmark.evaluation.card import update_card
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.evaluation.tuning import check_options
    from earmark.evaluation.tuning import tune as choose
    from earmark.files import check_file
    from earmark.hub import box, locate

    check_options(objective, method, calibrate)
    target = _path(output)
    check_file(target / FILE_NAME if target is not None and target.is_dir() else target)
    directory = locate(model)
    if target is None and box.holds(directory):
        raise OutputError(
            f"{box.NAME} cannot be changed; write to a file with -o point.json and use it with --operating-point "
            "point.json"
        )
    tagger = open_models([directory], device=device, precision=precision)
    reading = Reading(separator, label_column)
    manifest = read_manifest(Path(data), audio=_path(audio), labels=tagger.labels, reading=reading)
    scored = score_clips_cached(tagger.scorer, manifest, box.notes_of(directory) / FOLDER, reporter.stage("scoring"))
    name = Path(data).resolve().name
    tuned = choose(
        scored,
        objective,
        method=method,
        calibrate=calibrate,
        base=tagger.operating_point,
        data=name,
        seed=seed,
    )
    path = tuned.point.save(target or directory)
    if target is None:
        update_card(directory, tuned)
    return TuningResult(path, tuned, scored, tagger, (*manifest.problems, *scored.problems))


@dataclass(frozen=True)
class Evaluated:
    """What came of `evaluate`: a measurement a model, and their comparison where there are two."""

    measured: tuple[Measured, ...]
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison | None
    problems: tuple[Problem, ...]  # rows and clips left out
    report: Path | None = None  # the page, where one was asked for

    def to_json(self) -> dict[str, Any]:
        """The figures as plain data."""
        first = dict(self.measured[0].metrics)
        if self.comparison is None:
            return first
        names = [str(measured.name) for measured in self.measured]
        second = self.measured[1].metrics
        return {"models": names, "first": first, "second": second, "paired": self.comparison.paired}


def evaluate(
    models: Sequence[PathLike],
    data: PathLike,
    *,
    audio: PathLike | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    report: PathLike | None = None,
    shown: int = 4,
    sounds: bool = True,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    resamples: int = 1000,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    reporter: Reporter = QUIET,
) -> Evaluated:
    """Every metric the inputs allow, of one model, or of two on the same recordings with paired intervals.

    `report` is a folder for the page `report.html`, with `shown` recordings of each kind, their sound where `sounds`.
    `resamples` draws make the 95 % intervals, 0 none. Lengths and collars are in seconds. `separator` and
    `label_column` as of `train`.
    """
    from earmark.data.manifest import Reading, read_manifest
    from earmark.evaluation.labelled import Measuring
    from earmark.files import check_folder
    from earmark.hub import locate
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.files import collars_of

    if len(models) not in (1, 2):
        raise ConfigError(f"expected one model, or two to compare, got {len(models)}")
    directories = [locate(model) for model in models]
    page = _path(report)
    check_folder(page)
    resampling = Resampling(resamples) if resamples else None
    collars = collars_of(segment_length, onset_collar, offset_share)
    measuring = Measuring(segment_length, collars, resampling, thorough=True)
    taggers = [
        open_models([model], device=device, precision=precision, threshold=threshold, operating_point=operating_point)
        for model in directories
    ]
    if any(tagger.labels != taggers[0].labels for tagger in taggers):
        raise ConfigError(f"{models[0]} and {models[1]} have different labels and cannot be compared")
    reading = Reading(separator, label_column)
    manifest = read_manifest(Path(data), audio=_path(audio), labels=taggers[0].labels, reading=reading)
    found = [
        _measure(model, tagger, manifest, measuring, reporter)
        for model, tagger in zip(directories, taggers, strict=True)
    ]
    measured = tuple(each for each, _ in found)
    evaluations = tuple(each for _, each in found)
    comparison = _compare(measured, evaluations, resampling) if len(found) == 2 else None
    problems = (*manifest.problems, *measured[-1].scored.problems)
    if page is not None:
        from earmark.evaluation.report import evaluation_report
        from earmark.report.page import write_report

        content = evaluation_report(
            measured[-1],
            data=Path(data),
            shown=shown,
            sounds=sounds,
            comparison=comparison,
            problems=[str(problem) for problem in problems],
        )
        page = page / "report.html"
        write_report(page, content)
    return Evaluated(measured, evaluations, comparison, problems, page)


def _measure(
    model: Path, tagger: Tagger, manifest: Manifest, measuring: Any, reporter: Reporter
) -> tuple[Measured, Evaluation]:
    """One model on the recordings; scores come from its cache where they are known."""
    from earmark.evaluation.labelled import evaluate_scored
    from earmark.evaluation.report import Measured
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.evaluation.tuning import advice
    from earmark.hub import box
    from earmark.report.tables import counted

    folder = box.notes_of(model) / FOLDER
    scored = score_clips_cached(tagger.scorer, manifest, folder, reporter.stage(f"scoring ({model.name})"))
    computed = tagger.scorer.arithmetic
    reporter.say(f"{model.name}: {counted(len(scored.clips), 'recording')} ({computed})")
    for line in advice(tagger.operating_point):
        reporter.say(f"{model.name}: {line}")
    evaluation, detected = evaluate_scored(scored, tagger.operating_point, measuring)
    return Measured(model, tagger, scored, evaluation.to_json(), detected), evaluation


def _compare(measured: Sequence[Measured], evaluations: Sequence[Evaluation], resampling: Any) -> Comparison:
    from earmark.metrics.evaluation import paired
    from earmark.report.comparison import Comparison

    first, second = measured
    names = first.name.name, second.name.name
    if names[0] == names[1]:
        names = str(first.name), str(second.name)
    pairs = paired(evaluations[0], evaluations[1], first.tagger.labels, resampling) if resampling else {}
    return Comparison(names, first.metrics, second.metrics, pairs)


def score(
    reference: PathLike,
    estimate: PathLike,
    *,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    ignore_unknown: bool = False,
    resamples: int = 1000,
    reference_format: str | None = None,
    estimate_format: str | None = None,
    separator: str | None = None,
    label_column: str | None = None,
) -> Evaluation:
    """Every metric that two label files allow; `estimate` may be a folder of score tables, and then PSDS is computed.

    `ignore_unknown` leaves out labels and recordings that the reference does not have. Lengths and collars in seconds.
    The formats tell files apart where a folder holds several; `separator` and `label_column` as of `train`.
    """
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.files import score_files

    return score_files(
        Path(reference),
        Path(estimate),
        segment_length=segment_length,
        onset_collar=onset_collar,
        offset_share=offset_share,
        unknown="ignore" if ignore_unknown else "error",
        resampling=Resampling(resamples) if resamples else None,
        formats=(reference_format, estimate_format),
        separator=separator,
        label_column=label_column,
    )


def score_protocol(
    reference: PathLike, estimate: PathLike, protocol: Literal["dcase2017-a", "dcase2017-b"]
) -> ProtocolScores:
    """Two label files counted as the scorers of DCASE2017 task 4 do: a is tagging, b detection."""
    from earmark.metrics.files import score_protocol as count

    return count(Path(reference), Path(estimate), protocol)


def _path(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
