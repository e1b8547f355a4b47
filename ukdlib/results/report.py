"""
The report: tables, figures, rejected videos, settings and versions in one HTML file that opens offline.

Images are embedded in the file, nothing is loaded from elsewhere, and it contains no date or machine name:
the same results give the same bytes.
"""

import base64
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import yaml
from jinja2 import Environment
from jinja2.meta import find_undeclared_variables
from markupsafe import Markup

from ukdlib.artifacts.sealing import beside

MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
LOADING_TAGS = {"script", "link", "iframe", "frame", "object", "embed", "base"}
LOADING_ATTRIBUTES = {"src", "srcset", "href", "xlink:href", "action", "poster", "background"}


def write_report(path: str, template: str, **parts: object) -> None:
    """
    Fill the template and write the report, whole or not at all; refused if it would load anything.

    template: its text. parts: title, note, tables and data_tables (read_table), figures and data_figures
    (read_figures), rejected (read_rejected), warnings (read_warnings), leaks (read_leaks), config (dict),
    environment (environment()), mixed (names of which several versions were used).
    """
    maker = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    maker.filters["yaml"] = _yaml
    if missing := sorted(find_undeclared_variables(maker.parse(template)) - parts.keys()):
        raise ValueError(f"{path}: its template needs {', '.join(missing)} as well")
    page = maker.from_string(template).render(**parts)
    if loads := loads_from_elsewhere(page):
        raise ValueError(f"{path}: must open offline, but loads {'; '.join(loads[:3])}")
    with beside(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def loads_from_elsewhere(page: str) -> list[str]:
    """Elements of an HTML page that make a browser load or run something; links within the page do not count."""
    finder = _LoadFinder()
    finder.feed(page)
    return finder.found


def read_table(path: str) -> dict[str, Markup]:
    """Style and figure of a table's page (ukdlib.results.tables), to be inserted into the report unchanged."""
    text = Path(path).read_text(encoding="utf-8")
    found = re.search(r'(<style>.*?</style>)\s*(<figure class="table">.*</figure>)', text, re.DOTALL)
    if found is None:
        raise ValueError(f'{path}: not the page of a table: no <style> followed by <figure class="table">')
    return {"style": Markup(found[1]), "figure": Markup(found[2])}


def read_figures(paths: Sequence[str], captions: dict[str, str]) -> list[dict[str, str]]:
    """
    Name, title, caption and data URL of each image (.svg, .png).

    captions: file name without suffix -> text whose first sentence is the title.
    """
    figures = []
    for path in map(Path, paths):
        if path.suffix not in MEDIA or path.stem not in captions:
            raise ValueError(
                f"{path}: figures are {' or '.join(MEDIA)} and have a caption; "
                f"captions are for {sorted(captions)}"
            )
        data = base64.b64encode(path.read_bytes()).decode()
        address = f"data:{MEDIA[path.suffix]};base64,{data}"
        title, dot, text = captions[path.stem].partition(". ")
        figures.append({"name": path.stem, "title": title + dot.strip(), "caption": text, "address": address})
    return figures


def read_rejected(paths: Sequence[str]) -> dict[str, list[str]]:
    """Reason -> names of the videos that were rejected for it, with and without labels; empty if none was."""
    return _by_text(paths, "video_id", "reason")


def read_warnings(paths: Sequence[str]) -> dict[str, list[str]]:
    """Warning -> the videos or lists that it is about; empty if there is none."""
    return _by_text(paths, "what", "warning")


def _by_text(paths: Sequence[str], what: str, text: str) -> dict[str, list[str]]:
    """Text -> what it is said of, in files with these two columns."""
    tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if not {what, text} <= set(table.columns):
            raise ValueError(f"{path}: columns are {list(table.columns)}; needed: {what}, {text}")
    return {str(said): sorted(rows[what]) for said, rows in pd.concat(tables).groupby(text)}


def read_leaks(paths: Sequence[str]) -> list[str]:
    """A sentence for every video with the same frames in two subsets of a split, from the files of all splits."""
    sentences = []
    for path in paths:
        for row in pd.read_csv(path, dtype=str, keep_default_na=False).itertuples():
            split = Path(path).parent.name
            sentences.append(
                f"{split}: {row.video} ({row.subset}) and {row.same_frames_as} ({row.in_subset})"
            )
    return sentences


def environment(versions: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    """
    What made the results, by name: one version, or each of several with the rules that used it.

    versions: name -> version -> rules, from the records of the files that are shown (ukdlib.artifacts.lineage).
    """
    texts = {}
    for name, numbers in versions.items():
        several = "; ".join(f"{number} ({', '.join(rules)})" for number, rules in numbers.items())
        texts[name] = several if len(numbers) > 1 else next(iter(numbers))
    return texts


def _yaml(settings: dict) -> str:
    """Settings as YAML in the given order; through JSON, as they may contain other kinds of dict and list."""
    plain = json.loads(json.dumps(settings))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


class _LoadFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each tag."""
        self._in_style = tag == "style"
        outside = [
            (n, v or "")
            for n, v in attrs
            if n in LOADING_ATTRIBUTES and not (v or "").startswith(("data:", "#"))
        ]
        self.found += [f"<{tag} {name}={value[:60]!r}>" for name, value in outside]
        if tag in LOADING_TAGS and not outside:
            self.found.append(f"<{tag}>")
        self._look_at_style(dict(attrs).get("style") or "")

    def handle_data(self, data: str) -> None:
        """Called by the parser for what is between tags."""
        if self._in_style:
            self._look_at_style(data)
        self._in_style = False

    def _look_at_style(self, text: str) -> None:
        self.found += re.findall(r"@import|url\(\s*[\"']?(?!data:|#)[^)]{,60}", text, re.IGNORECASE)
