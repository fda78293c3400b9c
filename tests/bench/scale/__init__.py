"""What grows with entries, devices, workspaces and time: `python -m tests.bench.scale`."""
