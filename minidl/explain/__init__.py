"""What a network computes, for people: as a table, as code, and in the numbers of one step.

Start reading at formulas.py (a layer's formulas, which its docstring states), then network.py (the
table), observed.py (one step, watched layer by layer) and what is made of it: numbers.py and
weight.py. Nothing here computes anything that training computes: it watches the modules at work.
"""
