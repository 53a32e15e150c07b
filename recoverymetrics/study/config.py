"""The study file: what a validated ``study.toml`` may say, and errors that name the key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recoverymetrics.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StudySection(_Section):
    """``[study]``: name, seed, and who is responsible."""

    name: str
    seed: int = 2026
    description: str = ""


class ResponsesSection(_Section):
    """``[responses]``: the answers."""

    file: str
    id: str | None = None
    group: str | None = None
    region_from: str | None = None
    as_of: str = "2025-05-23"
    missing_codes: list[float] = Field(default_factory=list)
    categories: tuple[int, int] | None = None
    min_group_size: int = Field(default=100, ge=10)
    leave_out_groups: list[str] = Field(default_factory=list)
    sample_per_group: int | None = Field(default=None, ge=50)

    @model_validator(mode="after")
    def _one_grouping(self) -> ResponsesSection:
        if self.group is not None and self.region_from is not None:
            raise ValueError(
                "give either group (a column with group labels) or region_from (a country column)"
            )
        return self


class ItemsSection(_Section):
    """``[items]``: the item bank, or the items and dimensions written out."""

    file: str | None = None
    dimensions: dict[str, list[str]] = Field(default_factory=dict)
    reverse: list[str] = Field(default_factory=list)
    separate: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _items_from_somewhere(self) -> ItemsSection:
        if self.file is None and not self.dimensions:
            raise ValueError("name an item bank (file) or write the items of each dimension (dimensions)")
        return self


class ConsensusSection(_Section):
    """``[consensus]``: Delphi ratings, the rule, and the published sets to compare with."""

    ratings: str | None = None
    statements: str | None = None
    elements: str | None = None
    published: list[Literal["professionals_2025", "experts_by_experience_2024"]] = Field(default_factory=list)
    agreement: float = Field(default=0.80, gt=0, le=1)
    top_categories: int = Field(default=2, ge=1)
    scale: tuple[int, int] = (1, 5)


class ContentSection(_Section):
    """``[content]``: expert relevance ratings and person-defined themes."""

    relevance: str | None = None
    themes: str | None = None
    scale: tuple[int, int] = (1, 4)


class AnalysisSection(_Section):
    """``[analysis]``: what is estimated and how."""

    n_factors: int | Literal["dimensions", "suggested"] = "dimensions"
    parallel_draws: int = Field(default=20, ge=5)
    estimator: Literal["WLSMV", "ML", "MLR"] = "WLSMV"
    invariance_criteria: str = "chen2007"
    dif_method: str = "ordinal_logistic"
    dif_alpha: float = Field(default=0.01, gt=0, lt=0.5)
    model: str | None = None
    quadrature: int = Field(default=61, ge=11)
    merge_empty: bool = False


class DecisionsSection(_Section):
    """``[decisions]``: what a person decides otherwise than the rules, with reasons."""

    by: str = ""
    date: str = ""

    @field_validator("date", mode="before")
    @classmethod
    def _date_as_text(cls, value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else value

    keep: dict[str, str] = Field(default_factory=dict)
    revise: dict[str, str] = Field(default_factory=dict)
    drop: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _somebody_decides(self) -> DecisionsSection:
        if (self.keep or self.revise or self.drop) and not self.by.strip():
            raise ValueError("say in 'by' who decided")
        return self


class ShortFormSection(_Section):
    """``[short_form]``: a short form of the refined scale; none is made without a length."""

    length: int | None = Field(default=None, ge=2)
    holdout: float = Field(default=1 / 3, gt=0, lt=0.8)
    include: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)


class StudyConfig(_Section):
    """A whole study file.

    Attributes
    ----------
    study, responses, items, consensus, content, analysis, criteria, short_form, decisions
        The sections of the file; ``criteria`` maps a rule's name to another threshold.
    truth : str or None
        A file with planted truth, for simulated studies: the report then says what was found.
    """

    study: StudySection
    responses: ResponsesSection
    items: ItemsSection
    consensus: ConsensusSection = ConsensusSection()
    content: ContentSection = ContentSection()
    analysis: AnalysisSection = AnalysisSection()
    criteria: dict[str, float] = Field(default_factory=dict)
    short_form: ShortFormSection = ShortFormSection()
    decisions: DecisionsSection = DecisionsSection()
    truth: str | None = None

    def files(self) -> dict[str, str]:
        """Every input file that the study names, by its key."""
        named = {
            "responses.file": self.responses.file,
            "items.file": self.items.file,
            "consensus.ratings": self.consensus.ratings,
            "consensus.statements": self.consensus.statements,
            "consensus.elements": self.consensus.elements,
            "content.relevance": self.content.relevance,
            "content.themes": self.content.themes,
            "truth": self.truth,
        }
        return {key: name for key, name in named.items() if name is not None}


def parse_config(raw: dict[str, Any], source: str = "the configuration") -> StudyConfig:
    """Validate a dictionary as a study configuration.

    Raises
    ------
    ConfigError
        Names every wrong key, what was found and what is allowed.
    """
    try:
        return StudyConfig.model_validate(raw)
    except ValidationError as error:
        problems = "\n".join(f"  {_where(e)}: {_what(e)}" for e in error.errors())
        raise ConfigError(f"{source} is not a valid study file:\n{problems}") from None


def read_config(path: str | Path) -> StudyConfig:
    """Read and validate a study file.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML (line and column are named), or has wrong keys.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"there is no study file {str(path)!r}; make one with: recoverymetrics new DIR")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from None
    return parse_config(raw, str(path))


def _where(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"]) or "(top level)"


def _what(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key{_nearest(error['loc'])}"
    if error["type"] == "missing":
        return "this key is required"
    return (
        f"{error['msg']}; found {error['input']!r}"
        if error["type"] != "value_error"
        else str(error["msg"]).removeprefix("Value error, ")
    )


def _nearest(loc: tuple[Any, ...]) -> str:
    from difflib import get_close_matches

    sections: dict[str, type[BaseModel]] = {
        name: kind
        for name, field in StudyConfig.model_fields.items()
        if isinstance(kind := field.annotation, type) and issubclass(kind, BaseModel)
    }
    known = (
        list(StudyConfig.model_fields)
        if len(loc) == 1
        else list(sections[loc[0]].model_fields)
        if loc[0] in sections
        else []
    )
    close = get_close_matches(str(loc[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; the keys are {', '.join(known)}" if known else ""
