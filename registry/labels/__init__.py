"""Labels: pictures of tags, to be printed and screwed on. SVG for the printer's shop, PNG for everything else.

Every label is decoded again, by another program's code, before it is handed out. May import ``registry.domain`` and
libraries; knows no database: what stands on a plate comes in as ``LabelFacts``.
"""

from registry.labels.check import LabelUnreadable
from registry.labels.plate import LabelFacts, tag_address
from registry.labels.png import label_png
from registry.labels.svg import label_svg

__all__ = ["LabelFacts", "LabelUnreadable", "label_png", "label_svg", "tag_address"]
