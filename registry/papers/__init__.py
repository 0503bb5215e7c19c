"""Documents for people who sign and file paper: A4 PDFs with real Chinese text.

A document is a list of blocks (``registry.papers.blocks``), and ``registry.papers.paper.printed`` makes the PDF. May
import the domain and the letters of labels; may not read or write records.
"""
