"""Tables as an HTML page that needs no other file, as Markdown, and as a csv file."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jinja2 import Environment

from ukdlib.artifacts.sealing import beside


def render(heads: Sequence[str], rows: Sequence[dict], caption: str, note: str, below: Sequence[str]) -> str:
    """
    The page. rows: {label, cells (a text per head), best (set in bold)}; below: sentences under the table.

    Every text is escaped. The report takes the page's <style> and <figure class="table">.
    """
    return PAGE.render(heads=heads, rows=rows, caption=caption, note=note, below=below)


def markdown(
    heads: Sequence[str], rows: Sequence[dict], caption: str, note: str, below: Sequence[str]
) -> str:
    """The table as Markdown, arguments as for `render`; the best row is set in bold."""
    lines = [
        f"**{caption}**" + (f" ({note})" if note else ""),
        "",
        _line(["", *heads]),
        _line(["---"] * (1 + len(heads))),
    ]
    for row in rows:
        bold = "**" if row["best"] else ""
        label, first = (f"{bold}{cell}{bold}" for cell in (row["label"], row["cells"][0]))
        lines.append(_line([label, first, *row["cells"][1:]]))
    return "\n".join([*lines, "", *(f"{sentence}\n" for sentence in below)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def write_table(table: pd.DataFrame, csv_path: str, pages: dict[str, str]) -> None:
    """The numbers as csv and the pages (path -> text), each whole or not at all."""
    for path, text in {csv_path: table.to_csv(float_format="%.4f"), **pages}.items():
        with beside(path) as part:
            part.write_text(text, encoding="utf-8", newline="\n")


def plain(value: float) -> str:
    """One digit after the point, or nothing for NaN."""
    return "" if np.isnan(value) else f"{value:.1f}"


def signed(value: float) -> str:
    """The same with a sign, a real minus."""
    return "" if np.isnan(value) else f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def chance(p: float) -> str:
    """A p value to three digits after the point, nothing for NaN."""
    return "" if np.isnan(p) else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


# <html>, <head> and <body> are omitted, as HTML allows
PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ caption }}</title>
<style>
figure.table { margin: 1.5rem 0; font: 0.9rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", sans-serif; color: #17212b; }
figure.table figcaption { font-weight: 650; font-size: 1rem; margin-bottom: 0.6rem; }
figure.table .note { color: #8a4b00; margin: 0 0 0.6rem; font-size: 0.85rem; }
figure.table .scroll { overflow-x: auto; }
figure.table table { border-collapse: collapse; min-width: 100%; font-variant-numeric: tabular-nums; }
figure.table th { font-weight: 500; color: #66727d; font-size: 0.8rem; line-height: 1.25;
  vertical-align: bottom; }
figure.table thead th { border-bottom: 1.5px solid #17212b; max-width: 8.5em; }
figure.table th, figure.table td { text-align: right; padding: 0.38em 0.5em; }
figure.table td { white-space: nowrap; border-bottom: 1px solid #dde2e6; }
figure.table tbody th { text-align: left; white-space: nowrap; color: inherit; font-size: 0.9rem;
  padding-left: 0; border-bottom: 1px solid #dde2e6; vertical-align: middle; }
figure.table tr.best th, figure.table tr.best td:nth-child(2) { font-weight: 700; }
figure.table td:nth-child(9) { color: #66727d; }
figure.table p { margin: 0.6rem 0 0; max-width: 46rem; }
figure.table p + p { color: #66727d; font-size: 0.8rem; }
</style>
<figure class="table">
<figcaption>{{ caption }}</figcaption>
{% if note %}
<p class="note">{{ note }}</p>
{% endif %}
<div class="scroll"><table>
<thead><tr><th></th>{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr{% if row.best %} class="best"{% endif %}><th>{{ row.label }}</th>
{%- for cell in row.cells %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% for line in below %}
<p>{{ line }}</p>
{% endfor %}
</figure>
""")
