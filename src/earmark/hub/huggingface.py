"""Models on the Hugging Face Hub, by its own client: "hf:ORG/NAME" or "hf:ORG/NAME@REVISION".

`fetch` brings a repository's model files (`model_files`) into a cache and says where they lie; `push` sends a model
directory to a repository, laid out as it is.

The client resumes a download that breaks off, keeps files by their content and directories by commit, and knows the
user's token. A name without a revision is looked up each time; a full commit is never asked for twice. Where the hub
cannot be reached, what the cache holds of the revision is taken. The cache is the client's own (HF_HOME), or lies
within $EARMARK_CACHE where that is set; nothing is written into a directory there (`name_of`).

Only files of known names are asked for, and config.json before all others: a repository that is no model of earmark
costs one small file. No code and no pickled file in a repository is ever read.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark import __version__
from earmark.errors import ConfigError, MissingExtraError, ModelError, OutputError
from earmark.files import read_json
from earmark.hub.cache import CACHE, cache_folder
from earmark.hub.model_files import CARD, PATTERNS, is_config, is_model_file, model_files
from earmark.hub.names import HUGGING_FACE as PREFIX
from earmark.report.model_card import ModelCard, for_hub, licence_of, model_card
from earmark.runtime.directory import CONFIG

EXTRA = "hub"
HOME = "https://huggingface.co"
_FORM = re.compile(r"hf:([A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:@([^\s@]+))?", re.ASCII)
_COMMIT = re.compile("[0-9a-f]{40}")
_KEPT = re.compile(r"models--(.+?)--(.+)/snapshots/([0-9a-f]{40})")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_MOST_SHOWN = 3


@dataclass(frozen=True)
class Repository:
    """A repository of the hub, at a revision."""

    name: str  # "org/name"
    revision: str | None = None  # branch, tag or commit; None: the main branch

    @classmethod
    def parse(cls, text: str) -> Repository:
        """What "hf:org/name@revision" means; `ModelError` where it means nothing.

        >>> Repository.parse("hf:birds/owls@v2")
        Repository(name='birds/owls', revision='v2')
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ModelError(f"no model {text!r}; expected hf:ORG/NAME or hf:ORG/NAME@REVISION")
        return cls(found[1], found[2])

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class Pushed:
    """What was sent."""

    repository: Repository  # with the commit that was made
    url: str  # of the repository
    files: int
    size: int  # bytes, of all files
    licence: str  # that the card states; empty: none


def fetch(model: str) -> Path:
    """The directory in the cache that holds the model "hf:org/name@revision", downloaded where it is not there.

    `ModelError` where there is no such repository, it is no model of earmark, or it is not in the cache and the hub
    cannot be reached; `MissingExtraError` without the client.
    """
    repository = Repository.parse(model)
    client = _client(str(repository))
    with _plainly(client, repository):
        folder = _snapshot(client, repository, [CONFIG])
        commit = Repository(repository.name, folder.name)
        if not is_config(folder / CONFIG):
            raise _no_model(client, commit, repository, f"it has no {CONFIG} of earmark")
        _snapshot(client, commit, PATTERNS)
        try:
            model_files(folder)
        except ModelError as error:
            raise _no_model(client, commit, repository, str(error).rpartition(": ")[2]) from error
    return folder


def push(model: Path, target: str, *, name: str = "", private: bool = False, licence: str = "") -> Pushed:
    """Send the model in a directory to the repository `target`, which is made where it is not there.

    `name` is what the model is called, for the messages. With `private` a new repository is private. `licence`, an
    identifier of the hub ("mit"), is stated in the card that is sent; the card in the directory stays as it is. Files
    of a former model in the repository are taken away, all others stay. `ModelError` as from `fetch`, and where the
    repository holds something else than a model of earmark.
    """
    repository = Repository.parse(target)
    client = _client(f"pushing to {repository}")
    files = model_files(model)
    card = _card(model, name or model.resolve().name, repository, licence)
    with _plainly(client, repository, writing=True):
        api = client.HfApi(endpoint=_endpoint(), library_name="earmark", library_version=__version__)
        url = str(api.create_repo(repository.name, private=True if private else None, exist_ok=True))
        if private and not api.repo_info(repository.name).private:
            raise ModelError(
                f"{PREFIX}{repository.name} exists and is public: --private is for new repositories; change its "
                "visibility on the hub, or leave --private out"
            )
        if repository.revision is not None:
            api.create_branch(repository.name, branch=repository.revision, exist_ok=True)
        there = api.list_repo_files(repository.name, revision=repository.revision)
        _check_room(client, repository, there)
        operations: list[Any] = [
            client.CommitOperationDelete(path_in_repo=path)
            for path in there
            if is_model_file(path) and path not in files and path != CARD
        ]
        operations += [client.CommitOperationAdd(path, str(model / path)) for path in files if path != CARD]
        operations.append(client.CommitOperationAdd(CARD, card.encode()))
        made = api.create_commit(
            repository.name,
            operations=operations,
            commit_message=f"Model pushed by earmark {__version__}",
            revision=repository.revision,
        )
    sent = {CARD, *files}
    size = sum((model / path).stat().st_size for path in sent - {CARD}) + len(card.encode())
    return Pushed(Repository(repository.name, made.oid), url, len(sent), size, licence_of(card))


def name_of(folder: Path) -> str:
    """The name of the model whose directory in a cache of the hub this is; empty for any other directory.

    >>> name_of(Path("hub/models--birds--owls/snapshots") / ("0" * 40))
    'hf:birds/owls@0000000000000000000000000000000000000000'
    >>> name_of(Path("models/owls"))
    ''
    """
    found = _KEPT.fullmatch("/".join(folder.parts[-3:]))
    return f"{PREFIX}{found[1]}/{found[2]}@{found[3]}" if found else ""


def _card(model: Path, name: str, repository: Repository, licence: str) -> str:
    """The card as it is sent: of the model, or one that states its labels where there is none."""
    path = model / CARD
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    else:
        text = model_card(ModelCard(name=name, labels=read_json(model / CONFIG)["labels"]))
    return for_hub(text, f"{PREFIX}{repository.name}", licence)


def _client(purpose: str) -> Any:
    """The hub's own client. `MissingExtraError` where it is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError("huggingface_hub", EXTRA, purpose)
    for part in ("errors", "utils"):
        importlib.import_module(f"huggingface_hub.{part}")
    return importlib.import_module("huggingface_hub")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _cache() -> str | None:
    """The client's cache; None: its own."""
    return str(cache_folder() / "huggingface") if os.environ.get(CACHE) else None


def _snapshot(client: Any, repository: Repository, patterns: Iterable[str]) -> Path:
    """The directory of a revision, with the files that match."""

    def call(**more: Any) -> Path:
        return Path(
            client.snapshot_download(
                repository.name,
                revision=repository.revision,
                allow_patterns=list(patterns),
                cache_dir=_cache(),
                endpoint=_endpoint(),
                library_name="earmark",
                library_version=__version__,
                **more,
            )
        )

    if _COMMIT.fullmatch(repository.revision or ""):
        with contextlib.suppress(client.errors.LocalEntryNotFoundError):
            return call(local_files_only=True)
        # One request first: where there is no network, each file would be tried for a quarter of a minute.
        client.HfApi(endpoint=_endpoint()).repo_info(repository.name, revision=repository.revision)
    return call()


def _check_room(client: Any, repository: Repository, there: list[str]) -> None:
    """`ModelError` where a repository holds another kind of model, which would be overwritten."""
    if CONFIG not in there:
        return
    path = client.hf_hub_download(
        repository.name, CONFIG, revision=repository.revision, cache_dir=_cache(), endpoint=_endpoint()
    )
    if not is_config(Path(path)):
        raise ModelError(
            f"{repository} already holds another kind of model: its {CONFIG} is not of earmark; choose another "
            "repository"
        )


def _no_model(client: Any, commit: Repository, asked: Repository, why: str) -> ModelError:
    """An error that says why a repository is no model, and which pickled files lie there unread."""
    try:
        there = client.HfApi(endpoint=_endpoint()).list_repo_files(commit.name, revision=commit.revision)
    except (OSError, client.errors.HTTPError):
        there = []
    pickled = [path for path in there if path.endswith(_PICKLED)]
    shown = ", ".join(pickled[:_MOST_SHOWN]) + (" ..." if len(pickled) > _MOST_SHOWN else "")
    unread = f"; {shown} can hold pickled code and is never read" if pickled else ""
    return ModelError(f"{asked} is not a model of earmark: {why}{unread}")


@contextlib.contextmanager
def _plainly(client: Any, repository: Repository, writing: bool = False) -> Iterator[None]:
    """Whatever goes wrong with the hub is one line of ours; bars are drawn on a terminal only."""
    with _quietly(client):
        try:
            yield
        except client.errors.GatedRepoError as error:
            raise ModelError(
                f"{repository}: access must be asked for at {_endpoint() or HOME}/{repository.name}; then log in with "
                "'hf auth login'"
            ) from error
        except client.errors.RepositoryNotFoundError as error:
            raise ModelError(
                f"{repository}: no such repository at {_endpoint() or HOME}, or it is private; check the name, or log "
                "in with 'hf auth login'"
            ) from error
        except client.errors.RevisionNotFoundError as error:
            raise ModelError(f"{repository}: the repository has no revision {repository.revision!r}") from error
        except client.errors.HfHubHTTPError as error:
            raise ModelError(_answered(repository, error, writing)) from error
        except client.errors.LocalEntryNotFoundError as error:
            cause = error.__cause__
            if isinstance(cause, client.errors.HfHubHTTPError):
                raise ModelError(_answered(repository, cause, writing)) from error
            raise ModelError(_unreachable(repository, writing)) from error
        except (client.errors.HTTPError, client.errors.OfflineModeIsEnabled) as error:
            raise ModelError(_unreachable(repository, writing)) from error
        except RuntimeError as error:  # of the client: a large file was not taken
            raise ModelError(f"{repository}: {error}; the same command goes on") from error
        except ValueError as error:
            raise ConfigError(f"{repository}: {error}") from error
        except OSError as error:
            raise OutputError(f"{repository} cannot be stored: {error.strerror or error}") from error


def _answered(repository: Repository, error: Any, writing: bool) -> str:
    status = error.response.status_code
    if status in (401, 403):
        right = "write to it" if writing else "read it"
        return (
            f"{repository}: the hub refuses ({status}); log in with 'hf auth login' as somebody who may {right}, with "
            "a token that allows it"
        )
    said = f": {error.server_message}" if error.server_message else ""
    return f"{repository}: the hub answered {status}{said}; try again later"


def _unreachable(repository: Repository, writing: bool) -> str:
    offline = "HF_HUB_OFFLINE is set" if os.environ.get("HF_HUB_OFFLINE") else "there is no network, or no answer"
    if writing:
        return f"{repository}: {_endpoint() or HOME} cannot be reached ({offline}); nothing was pushed"
    return (
        f"{repository} is not in the cache, or not all of it, and {_endpoint() or HOME} cannot be reached ({offline})"
    )


@contextlib.contextmanager
def _quietly(client: Any) -> Iterator[None]:
    """Without the client's own messages; without its bars where there is no terminal."""
    logger = logging.getLogger("huggingface_hub")
    level, bars = logger.level, not client.utils.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if bars and not sys.stderr.isatty():
        client.utils.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            client.utils.enable_progress_bars()
