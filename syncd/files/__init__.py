"""The local replica: reads, scans, writes and watches the folders of the stores.

Nothing here decides. A path is always relative to a store's root and is resolved component by
component without following symlinks, so nothing outside a root is ever read or written.
"""
