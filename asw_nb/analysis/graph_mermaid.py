"""A graph as Mermaid text, for front ends and documents that draw Mermaid themselves.

Names appear only inside quoted labels, and every character with a meaning to Mermaid or HTML is written there as an
entity, so no name can break out of its label or become markup.
"""

from __future__ import annotations

from asw_nb.analysis.graph_model import Graph, Node, Scope
from asw_nb.analysis.graph_text import fitted

_SHAPES = {
    "Choice": ("{", "}"),
    "Start": ("((", "))"),
    "End": ("((", "))"),
    "Succeed": ("([", "])"),
    "Fail": ("([", "])"),
}
_LABEL_PX = 400.0


def mermaid_of(graph: Graph) -> str:
    """A flowchart of the whole graph; Parallel branches and Map processors are subgraphs."""
    lines = ["flowchart TD"]
    _write(graph.root, "  ", lines, [0])
    return "\n".join(lines) + "\n"


def _write(scope: Scope, indent: str, lines: list[str], counter: list[int]) -> None:
    names: dict[str, str] = {}
    for node in scope.nodes:
        name = names[node.path] = _fresh(counter)
        if not node.scopes:
            before, after = _SHAPES.get(node.kind, ("(", ")") if node.kind != "Missing" else ("[/", "/]"))
            lines.append(f'{indent}{name}{before}"{_words(node)}"{after}')
            continue
        # One line only: the content of a subgraph would lie on a second one.
        lines.append(f'{indent}subgraph {name}["{_words(node, " · ")}"]')
        for inner in node.scopes:
            if node.kind == "Parallel":
                lines.append(f'{indent}  subgraph {_fresh(counter)}[" "]')
                _write(inner, indent + "    ", lines, counter)
                lines.append(f"{indent}  end")
            else:
                _write(inner, indent + "  ", lines, counter)
        lines.append(f"{indent}end")
    for edge in scope.edges:
        arrow = "-.->" if edge.kind == "catch" else "-->"
        label = f'|"{_quoted(edge.label)}"|' if edge.label else ""
        lines.append(f"{indent}{names[edge.source]} {arrow}{label} {names[edge.target]}")


def _fresh(counter: list[int]) -> str:
    counter[0] += 1
    return f"n{counter[0]}"


def _words(node: Node, joiner: str = "<br/>") -> str:
    if node.kind in ("Start", "End"):
        return node.name
    name = _quoted(node.name)
    extra = node.problem if node.kind == "Missing" else node.kind
    return f"{name}{joiner}{extra}" + (f" · ↻ {node.retries}" if node.retries else "")


def _quoted(text: str) -> str:
    short = fitted(text, 12, _LABEL_PX)
    return "".join(char if char.isalnum() or char in " _-.,:$=+/·…" else f"#{ord(char)};" for char in short)
