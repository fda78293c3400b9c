"""The embedded backend: a Convex-compatible server for development, and what starts it.

`launcher` finds Node, starts the bundled program and keeps it running. The program itself is
TypeScript in `server/`; `hatch_build.py` bundles it together with the functions of `convex/`.
"""
