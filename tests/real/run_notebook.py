"""Executes a notebook from top to bottom, as a reader would; ends with an error where a cell does.

    run_notebook.py NOTEBOOK.IPYNB EXECUTED.IPYNB
"""

import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not to be checked in"
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
executed = [cell for cell in notebook.cells if cell.cell_type == "code"]
shown = sum(1 for cell in executed if cell.outputs)
assert shown >= 6, f"only {shown} cells show something"
print(f"notebook: {len(executed)} cells run, {shown} show something")
