"""The local replica: reads, scans, writes and watches the folders of the stores.

Nothing here decides. A path is always relative to a store's root and is resolved component by
component without following symlinks (`root`, `folder`), so nothing outside a root is ever read or
written. `replica` is all of it as the engine sees it: `read`, `scan`, `staging`, `write` (`swap`,
look, recover; `likeness` is what a file keeps), `history`; `opaque` is what people restore into.
`vigil` keeps it watched (`watch`, `canary`). `lease` and `swapped` know programs that still write,
`claim` keeps one daemon a folder, `git` tells what git is doing there. `payloads` and `transit` are
for files of any size, `lines` for files that grow.
"""
