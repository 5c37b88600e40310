"""Sphinx extension: a chapter's parameters, settings and imports fold into one line, which is all that a reader sees of them.

In the notebook they are a section *Parameters* with a few cells, as papermill and JupyterLab want it. On the page the section
becomes a fold without a heading; what its cells print (how many seeds a page stands on) stays in sight below. The cell
that papermill adds with a run's parameters is on no page.
"""

from docutils import nodes

OPENING = '<details class="setup" id="parameters"><summary>Parameters, imports and settings</summary>'
INJECTED = "tag_injected-parameters"
SETS_UP = ("read_parameters(", "use_style()")


def _is_cell(node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _part(cell, name: str):
    return next(
        (part for part in cell.children if part.get("nb_element") == name), None
    )


def _sets_up(node) -> bool:
    if not _is_cell(node) or "tag_parameters" in node["classes"]:
        return _is_cell(node)
    source = _part(node, "cell_code_source")
    return source is not None and any(call in source.astext() for call in SETS_UP)


def _fold(section) -> None:
    """Put what sets up into a fold, what it prints below, and the rest of the section in the section's place."""
    content = section.children[1:]  # without its title
    last = max(
        (place for place, node in enumerate(content) if _sets_up(node)), default=-1
    )
    folded, printed = content[: last + 1], []
    for node in folded:
        if _is_cell(node):
            node.attributes.pop("hide_mode", None)
            output = _part(node, "cell_code_output")
            if output is not None:
                node.remove(output)
                printed.append(nodes.container("", output, classes=["cell"]))
    opening, closing = (
        nodes.raw("", html, format="html") for html in (OPENING, "</details>")
    )
    place = section.parent.index(section)
    section.parent[place : place + 1] = [
        opening,
        *folded,
        closing,
        *printed,
        *content[last + 1 :],
    ]


def fold_setup(app, doctree) -> None:
    """Fold every section *Parameters* of a notebook, and drop the cells that papermill has added."""
    for cell in list(doctree.findall(nodes.container)):
        if INJECTED in cell["classes"]:
            cell.parent.remove(cell)
    for section in list(doctree.findall(nodes.section)):
        title = next(iter(section.findall(nodes.title)), None)
        if (
            title is not None
            and title.astext() == "Parameters"
            and any(map(_is_cell, section.children))
        ):
            _fold(section)


def setup(app) -> dict:
    """Register the step, ahead of those that collect headings."""
    app.connect("doctree-read", fold_setup, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
