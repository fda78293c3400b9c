"""What holds deletions, keys, or everything back.

`guards` over `roots` (which folder each store is; another one is read by `survey` before it is
taken over) and `window` (how many deletions are many); `vanishing` (while many files are missing,
no deletion is sent); `holding` of single keys; `pauses` of git, and the `hiatus` of a person.
"""
