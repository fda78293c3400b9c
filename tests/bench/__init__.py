"""How fast syncd is beside a bare loop and a naive script, in one run: `python -m tests.bench`."""
