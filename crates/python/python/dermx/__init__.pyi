from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, final

from numpy.typing import ArrayLike
from typing_extensions import Unpack

from ._native import Dataset as Dataset
from ._native import DermxError as DermxError
from ._native import DermxWarning as DermxWarning
from ._native import Scores
from ._native import __version__ as __version__

if TYPE_CHECKING:
    import pandas
    import polars

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

_Rows = Literal["kept_images", "kept_evaluations", "all"]

class _Choices(TypedDict, total=False):
    average: Literal["mean", "median"] | None
    border: Literal["mirror", "clamp"] | None
    by: Sequence[str] | None
    class_exchange: tuple[str, str] | None
    localization: bool | None
    min_images: int | None
    normalize: bool | None
    partial: bool | None
    quantize: bool | None
    rows: _Rows | None
    size: tuple[int, int] | None
    union_average: Literal["rows", "classes"] | None
    union_rows: _Rows | None
    unmarked: Literal["left_out", "empty"] | None

def score_arrays(
    maps: ArrayLike,
    masks: ArrayLike,
    read: ArrayLike | None = None,
    gold: Iterable[object] | None = None,
    *,
    predictions: Iterable[object] | None = None,
    images: Iterable[object] | None = None,
    raters: Iterable[object] | None = None,
    concepts: Iterable[object] | None = None,
    classes: Iterable[object] | None = None,
    name: str = "arrays",
    **choices: Unpack[_Choices],
) -> Result: ...
def score(
    maps: str | PathLike[str] | Mapping[str, Any] | None,
    dataset: Dataset | str | PathLike[str],
    predictions: str | PathLike[str] | Mapping[str, object] | None = None,
    **choices: Unpack[_Choices],
) -> Result: ...
def baselines(
    dataset: Dataset | str | PathLike[str], **choices: Unpack[_Choices]
) -> Result: ...
def agreement(
    dataset: Dataset | str | PathLike[str],
    *,
    by: Iterable[str] = (),
    min_images: int = 20,
    bootstrap: int = 0,
    seed: int = 0,
) -> Result: ...

class Result:
    def __init__(self, scores: Scores) -> None: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    @property
    def explanation(self) -> dict[str, Any]: ...
    @property
    def skill(self) -> dict[str, Any]: ...
    @property
    def baselines(self) -> dict[str, Any]: ...
    @property
    def ceiling(self) -> dict[str, Any]: ...
    @property
    def diagnosis(self) -> dict[str, Any]: ...
    def per_image(self) -> dict[str, list[str] | list[float | None]]: ...
    def to_pandas(self) -> pandas.DataFrame: ...
    def to_polars(self) -> polars.DataFrame: ...
    def write(self, folder: str | PathLike[str]) -> None: ...
    def report(self, folder: str | PathLike[str]) -> Path: ...
    def _repr_html_(self) -> str: ...

def find_command() -> str | None: ...
def _find_or_raise() -> str: ...
def run(args: Iterable[str | PathLike[str]]) -> str: ...
