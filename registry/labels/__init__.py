"""Labels: pictures of tags, to be printed, engraved and screwed on, in five formats from one template.

A template is data (``template``), facts are put into it once (``layout``), every format copies the result, and each
label is decoded again, by another program's code, from what was written. May import ``registry.domain`` and libraries;
knows no database: what stands on a label comes in as ``LabelFacts``.
"""

from registry.labels.check import LabelUnreadable
from registry.labels.making import FORMATS, Format, MadeLabel, make_label, make_labels
from registry.labels.plate import LabelFacts, tag_address
from registry.labels.shipped import shipped_templates, standard_plate
from registry.labels.template import LabelTemplate, read_template, template_body, template_json
from registry.labels.template_check import check_template

__all__ = [
    "FORMATS",
    "Format",
    "LabelFacts",
    "LabelTemplate",
    "LabelUnreadable",
    "MadeLabel",
    "check_template",
    "label_png",
    "label_svg",
    "make_label",
    "make_labels",
    "read_template",
    "shipped_templates",
    "standard_plate",
    "tag_address",
    "template_body",
    "template_json",
]


def label_svg(facts: LabelFacts) -> str:
    """The standard plate of ``facts`` as an SVG document; decoded again before it is returned.

    Raises ``InvalidInput`` for facts that can't be printed, ``LabelUnreadable`` if it does not say its address.
    """
    return make_label(standard_plate(), facts, "svg").decode()


def label_png(facts: LabelFacts, dpi: int = 300, *, chinese: bool = True) -> bytes:
    """The standard plate of ``facts`` as a PNG of ``dpi`` dots an inch; decoded again before it is returned.

    Chinese words need a Chinese font on this machine (Debian: fonts-noto-cjk); without one, or with ``chinese`` off,
    the English words and all digits are drawn. Raises ``InvalidInput`` and ``LabelUnreadable`` as ``label_svg`` does.
    """
    return make_label(standard_plate(), facts, "png", dpi, chinese=chinese)
