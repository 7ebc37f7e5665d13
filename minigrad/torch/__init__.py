"""Runs a script that says `import torch` as it is: `python -m minigrad.torch script.py [arguments]`.

`names.py` has the table of PyTorch's modules and what stands for each, `run.py` runs the script, `report.py` lists what
would stop it, and `vision` is the part of torchvision that scripts with small images need.
"""
