"""A notebook as one HTML page that needs no network: nbconvert's page without what it fetches, charts that can be zoomed, a policy that runs nothing else.

Scripts in the outputs are not run, unless the page is made with them; widgets show the still form that was stored with them."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

from asw_nb.analysis.figure import PLOTLY_MIME, html_text
from asw_nb.errors import MissingDependency
from asw_nb.history.redact import redact_text
from asw_nb.reports.figures import library, packed, source_hash
from asw_nb.reports.page import asset, policy

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""
_REMOTE = re.compile(r"<(?:script|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>(?:\s*</script>)?|<meta\b[^>]*\bhttp-equiv\s*=\s*[\"']?refresh\b[^>]*>", re.I)
_IMPORT = re.compile(r"@import\s+url\([^)]*\)\s*;?")


def page(notebook: Any, title: str, folder: Path, *, code: bool = True, scripts: bool = False, redact: bool = True) -> str:
    """A notebook as HTML.

    Parameters
    ----------
    folder : Path
        Where local pictures are looked for.
    code : bool
        Show the cells' source; never that of cells tagged ``hide-input``.
    scripts : bool
        Let scripts in the outputs run.
    redact : bool
        Mask the secrets in sources, printed text and errors; HTML that others made is left as it is.
    """
    try:
        from nbconvert import HTMLExporter
        from nbconvert.preprocessors import TagRemovePreprocessor
    except ImportError:
        raise MissingDependency("nbconvert", "reports") from None
    shown = copy.deepcopy(notebook)
    shown.metadata.pop("widgets", None)
    shown.metadata["title"] = title
    charts = sum(_still(output, scripts) for cell in shown.cells for output in cell.get("outputs", []))
    if redact:
        _mask(shown)
    exporter = HTMLExporter(raw_template=_TEMPLATE, embed_images=True, exclude_input=not code, exclude_input_prompt=not code, exclude_output_prompt=not code)
    exporter.register_preprocessor(TagRemovePreprocessor(remove_input_tags={"hide-input"}, enabled=True), enabled=True)
    body, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title, "path": str(folder)}})
    return _closed(body, charts, scripts)


def _closed(body: str, charts: int, scripts: bool) -> str:
    """The page with its policy, its style and its two scripts."""
    script = asset("report.js")
    hashes, bundle = [source_hash(script)], ""
    if charts:
        source, hash_ = library()
        hashes.append(hash_)
        bundle = f'<script type="text/plain" id="plotly">{source}</script>\n'
    rule = policy("'unsafe-inline'") if scripts else policy(*hashes)
    if not scripts:
        body = _REMOTE.sub("", body)
    body = _IMPORT.sub("", body)
    head = f'<head>\n<meta http-equiv="Content-Security-Policy" content="{rule}">\n<style>\n{asset("notebook.css")}</style>\n'
    before, _, after = body.partition("<head>")
    body = before + head + after
    start, _, end = body.rpartition("</body>")
    return f"{start}{bundle}<script>{script}</script>\n</body>{end}"


def _still(output: Any, scripts: bool) -> bool:
    """Leave an output only what this page can show; whether it is a chart."""
    data = output.get("data")
    if data is None:
        return False
    data.pop(WIDGET_MIME, None)
    data.pop("text/vnd.mermaid", None)
    if not scripts:
        data.pop("application/javascript", None)
    spec = data.pop(PLOTLY_MIME, None)
    if spec is None:
        return False
    still = data.get("text/html") or f"<pre>{html_text(data.get('text/plain', 'a chart'))}</pre>"
    text = json.dumps({"data": spec.get("data", []), "layout": spec.get("layout", {})}).replace('"scattergl"', '"scatter"')
    data["text/html"] = f'<figure data-chart="1"><div class="still">{still}</div><script type="text/plain">{packed(text)}</script></figure>'
    return True


def _mask(notebook: Any) -> None:
    """Secrets out of sources, printed text and errors."""
    for cell in notebook.cells:
        cell.source = redact_text(cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = redact_text(output.text)
            elif output.output_type == "error":
                output.evalue = redact_text(output.evalue)
                output.traceback = [redact_text(line) for line in output.traceback]
            elif "text/plain" in output.get("data", {}):
                output.data["text/plain"] = redact_text(output.data["text/plain"])


__all__ = ["page"]
