"""Bad input of every sort. Whatever is met: no crash, no deletion, no way out of the store's
folder, one visible hold for the bad key, and every other key goes on.

Each module holds a table, one line a case.
"""
