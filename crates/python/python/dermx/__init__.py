"""Scores heat maps against the masks of several raters.

The functions are `dermx evaluate` and `dermx dataset tables` on arrays: the same numbers, the same names, the same
messages. Arrays are borrowed where they lie, the interpreter is free meanwhile, and Ctrl-C stops.

    result = dermx.score_arrays(maps, masks)      # arrays alone
    data = dermx.Dataset.open("birds")            # or a data set of any format
    result = dermx.score({"cat/001": heatmap, ...}, data)

Research output; not a medical device and not for diagnosis.
"""

import difflib
import json
import os
import sys

from . import _native
from ._native import Dataset, DermxError, DermxWarning, __version__

__all__ = [
    "Dataset",
    "DermxError",
    "DermxWarning",
    "Result",
    "__version__",
    "agreement",
    "baselines",
    "find_command",
    "run",
    "score",
    "score_arrays",
]

# The options of `dermx evaluate`.
_CHOICES = (
    "average",
    "border",
    "by",
    "class_exchange",
    "localization",
    "min_images",
    "normalize",
    "partial",
    "quantize",
    "rows",
    "size",
    "union_average",
    "union_rows",
    "unmarked",
)


def score_arrays(
    maps,
    masks,
    read=None,
    gold=None,
    *,
    predictions=None,
    images=None,
    raters=None,
    concepts=None,
    classes=None,
    name="arrays",
    **choices,
):
    """Score heat maps against masks of several raters.

    maps: [images, height, width], floats (32 or 64 bits), bool, or whole numbers of 8 or 16 bits, of which the
        largest counts as 1. Any resolution.
    masks: [images, raters, concepts, height, width], bool or uint8 of which any value but 0 is inside. A mask without
        a pixel says that the rater did not mark the concept; whether that counts, says `unmarked`.
    read: bool [images, raters], who read what; everybody everything, if it is left out. Masks of images that a rater
        did not read say nothing.
    gold: the class of each image, or None where it has none.
    predictions: the predicted class of each image.
    images, raters, concepts: names; numbers, if they are left out.
    classes: the order of the classes in confusion matrices; sorted, if it is left out.
    name: what the data set is called.

    Maps and masks are brought to `size`, (height, width); that of the masks, if it is left out. The other choices are
    those of `score`.
    """
    gold = _classes(gold)
    predictions = _classes(predictions)
    if predictions is not None and None in predictions:
        raise DermxError("predictions: found None; expected a class of each image")
    if classes is None:
        known = {*(gold or ()), *(predictions or ())}
        classes = sorted(one for one in known if one is not None)
    called = {
        "name": name,
        "images": _names(images),
        "raters": _names(raters),
        "concepts": _names(concepts),
        "classes": _names(classes),
        "gold": gold,
    }
    scores = _native.score_arrays(maps, masks, read, called, predictions, _json("score_arrays", choices))
    return Result(scores)


def score(maps, dataset, predictions=None, **choices):
    """Score heat maps against the readings of a data set, as `dermx evaluate` does.

    maps: a folder of `.npy` files and grey PNGs, or arrays by image id; None scores the predictions alone.
    dataset: a `Dataset`, or its folder.
    predictions: a table (CSV), or classes by image id.

    Choices, which are the options of `dermx evaluate`:
    size: (height, width) that maps and masks are brought to; (300, 400) as in the study.
    normalize: divide each map by its maximum; True. Without, values above 1 count as 1.
    quantize: cut maps to 256 levels; True.
    border: "mirror" or "clamp", what is beyond the border of a map when it is resized.
    rows, union_rows: "kept_images", "kept_evaluations" or "all", the masks and unions that count.
    unmarked: "left_out" or "empty", what a concept that a rater did not mark counts as.
    average: "mean" or "median". union_average: "rows" or "classes".
    class_exchange: two classes whose predictions are counted as each other's.
    localization: also score where maps are highest (pointing game, rank accuracy, top-k IoU, AUC), how concentrated
        they are, and what their score goes along with.
    by: attributes of the images, "class" or "correct", for scores of parts; of `min_images` (20) or more.
    partial: score the images that have a map, even when others lack one.
    """
    if predictions is not None:
        predictions = _path(predictions) or _items(predictions, "predictions", str)
    if maps is not None:
        maps = _path(maps) or _items(maps, "maps", lambda one: one)
    elif predictions is None:
        raise DermxError("there is nothing to score: give maps, predictions, or both")
    return Result(_native.score(maps, _dataset(dataset), predictions, _json("score", choices)))


def baselines(dataset, **choices):
    """Score what there is to beat on a data set: maps that never saw a network, and the raters among themselves.

    The choices are those of `score`; `by` and `partial` have no meaning here.
    """
    return Result(_native.baselines(_dataset(dataset), _json("baselines", choices)))


def agreement(dataset, *, by=(), min_images=20, bootstrap=0, seed=0):
    """Score how far the raters of a data set agree, as `dermx dataset tables` does.

    by: attributes of the images, for the tables of each part; of `min_images` or more.
    bootstrap: give 95 % intervals of the means from so many resamples of the images; `seed` draws them.
    """
    scores = _native.agreement(_dataset(dataset), _names(by), min_images, bootstrap, seed)
    return Result(scores)


class Result:
    """Scores: a table in a notebook, dicts, frames, and the files of the command."""

    __slots__ = ("_document", "_scores")

    def __init__(self, scores):
        self._scores = scores
        self._document = None

    def to_json(self):
        """The text of `eval.json`, byte for byte; of `agreement`, what `dermx dataset tables --json` prints."""
        return self._scores.json()

    def to_dict(self):
        """The same as dicts and lists."""
        if self._document is None:
            self._document = json.loads(self.to_json())
        return self._document

    @property
    def explanation(self):
        """Scores of the maps by concept, and of all that a rater marked ("Union")."""
        return self.to_dict().get("explanation", {})

    @property
    def skill(self):
        """By concept, where the maps stand between the best map without a network (0) and the raters (1)."""
        return self.to_dict().get("skill", {})

    @property
    def baselines(self):
        """The scores of maps that never saw a network, by map and concept."""
        return self.to_dict().get("baselines", {})

    @property
    def ceiling(self):
        """The scores of the raters among themselves, by concept."""
        return self.to_dict().get("ceiling", {})

    @property
    def diagnosis(self):
        """Scores of the predictions; empty without. Of `agreement`, raters among themselves by class."""
        return self.to_dict().get("diagnosis", {})

    def per_image(self):
        """Columns with a row for each image, rater and concept, as in `per_image.csv`; None is undefined."""
        return self._scores.columns()

    def to_pandas(self):
        """`per_image` as a frame of pandas."""
        import pandas

        columns = self.per_image()
        frame = pandas.DataFrame(columns)
        scores = list(columns)[3:]
        return frame.astype(dict.fromkeys(scores, "float64"))

    def to_polars(self):
        """`per_image` as a frame of polars."""
        import polars

        columns = self.per_image()
        types = {name: polars.String if idx < 3 else polars.Float64 for idx, name in enumerate(columns)}
        return polars.DataFrame(columns, schema=types)

    def write(self, folder):
        """Write `eval.json`, `per_image.csv`, with localization `maps.csv`, and with predictions `diagnoses.csv`."""
        self._scores.write(os.fspath(folder))

    def report(self, folder):
        """Write a self-contained page, `index.html`, with the tables beside it, and return its path."""
        return self._scores.report(os.fspath(folder))

    def __repr__(self):
        return self._scores.text()

    def _repr_html_(self):
        return self._scores.html()


def find_command():
    """The path of the command `dermx`, or None where it is not installed.

    Looked for is `DERMX_COMMAND`, then beside this Python, then in `PATH`, then where Cargo installs.
    """
    import shutil
    import sysconfig

    named = os.environ.get("DERMX_COMMAND")
    if named:
        return named
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    folders.append(os.path.join(os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo"), "bin"))
    return next(filter(None, (shutil.which("dermx", path=folder) for folder in folders if folder)), None)


def _find_or_raise():
    command = find_command()
    if command is None:
        raise DermxError(
            "there is no command `dermx`: this package has the scores alone. Install it (pip install "
            "'dermx[command]'), or put it in PATH or name it in DERMX_COMMAND"
        )
    return command


def run(args):
    """Run the command `dermx`, for example `dermx.run(["train", "--config", "birds.toml"])`.

    What it tells on the way goes to `sys.stderr`; returned is what it printed. Ctrl-C reaches the command, which
    saves what it has; then it is Python's turn.
    """
    import subprocess

    args = [_find_or_raise(), *(os.fspath(one) for one in args)]
    said = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(args, text=True, encoding="utf-8", errors="replace", **pipes) as process:
        printed = _read_aside(process.stdout)
        try:
            for line in process.stderr:
                said.append(line)
                sys.stderr.write(line)
        except KeyboardInterrupt:
            # The command got the signal, too, and needs time to save.
            process.wait()
            raise
        code = process.wait()
        text = printed()
    if code != 0:
        message = "".join(said).rpartition("error: ")[2].strip()
        raise DermxError(message or f"{' '.join(args)} ended with {code}")
    return text


def _read_aside(stream):
    """Read a stream on a thread, so that neither of two fills up; the text, when asked."""
    import threading

    parts = []
    thread = threading.Thread(target=lambda: parts.append(stream.read()), daemon=True)
    thread.start()

    def text():
        thread.join()
        return "".join(parts)

    return text


def _dataset(given):
    return given if isinstance(given, Dataset) else Dataset.open(os.fspath(given))


def _path(given):
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) else None


def _items(given, called, value):
    try:
        items = given.items()
    except AttributeError:
        kind = type(given).__name__
        raise DermxError(f"{called}: found {kind}; expected a path, or a dict by image id") from None
    return [(str(name), value(one)) for name, one in items]


def _names(given):
    if isinstance(given, str):
        raise DermxError(f"found `{given}`; expected a list of names")
    return None if given is None else [str(one) for one in given]


def _classes(given):
    """Classes as texts; numbers and NumPy's texts are classes, too."""
    if given is None:
        return None
    if isinstance(given, str):
        raise DermxError(f"found `{given}`; expected a class of each image")
    return [None if one is None else str(one) for one in given]


def _json(function, choices):
    """The choices as JSON, numbers of NumPy as Python's."""
    for name in choices:
        if name not in _CHOICES:
            near = difflib.get_close_matches(name, _CHOICES, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'{hint}")
    # What is left out has its default.
    given = {name: choice for name, choice in choices.items() if choice is not None}
    if "by" in given:
        given["by"] = _names(given["by"])
    return json.dumps(given, default=_plain)


def _plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"found {value!r} among the choices; expected numbers, truth values and names")
