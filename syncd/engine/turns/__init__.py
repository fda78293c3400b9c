"""One turn: named keys are read, decided, written where told, and committed together.

`turn` is the way through it. `readings` of files; `decide` with `plan`, `combine` and `merging` for
clashes, `buffers` for saves that did not know what was written; `moves` and `renamed` for files
under another name; of files with many records `splits`, `parts`, `saves` and `rewrite`. `losers` go
into history, and then the `writer` touches files.
"""
