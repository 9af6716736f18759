"""Every figure: of one run (plots.py), and of many (the figures that `report:` names).

Start reading at plots.py and style.py, which says how all of them look. Figures are drawn from what
members/ and tables/ hold; none reads a file itself.
"""
