"""Sphinx's configuration; docs/site.sh calls it with the pages that stage.py has laid out."""
import json, pathlib

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

project = "cotan"
root_doc = "index"
extensions = ["myst_parser"]
exclude_patterns = ["names.json"]
html_theme = "furo"
html_title = "cotan"
html_static_path = ["_static"]
html_css_files = ["site.css"]
copyright = "2026, the cotan authors. Code: MIT. Text and pictures of the course: CC BY 4.0. What cotan writes belongs to its user."
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # it would fetch the pages, which a page from the disk may not
html_permalinks_icon = "#"
pygments_style, pygments_dark_style = "friendly", "github-dark"
myst_heading_anchors = 5
suppress_warnings = ["myst.header"]  # the reference has sections of two depths

NAMES = set(json.loads((pathlib.Path(__file__).parent / "names.json").read_text()))


class LinkNames(SphinxTransform):
    """`ct_add` and `ct_add(a, b)` in a text lead to the function's entry."""
    default_priority = 500

    def apply(self):
        for span in list(self.document.findall(nodes.literal)):
            name = span.astext().split("(")[0]
            if name in NAMES and not isinstance(span.parent, (nodes.reference, addnodes.pending_xref)):
                link = addnodes.pending_xref("", refdomain="c", reftype="identifier", reftarget=name, refdoc=self.env.docname,
                                             refwarn=False)
                span.replace_self(link)
                link += span


class PairSpellings(SphinxTransform):
    """A sample in Python and the one in C behind it stand side by side."""
    default_priority = 501

    def apply(self):
        for left in list(self.document.findall(nodes.literal_block)):
            if left.get("language") != "python":
                continue
            behind = left.parent.children[left.parent.index(left) + 1:]
            behind = [n for n in behind if not isinstance(n, (nodes.comment, nodes.raw))]
            if behind and isinstance(behind[0], nodes.literal_block) and behind[0].get("language") == "c":
                pair = nodes.container(classes=["pair"])
                left.replace_self(pair)
                behind[0].parent.remove(behind[0])
                pair += [left, behind[0]]


def setup(app):
    app.add_lexer("output", TextLexer)
    app.add_transform(LinkNames)
    app.add_transform(PairSpellings)
    return {"parallel_read_safe": True}
