"""What holds deletions, keys, or everything back.

`guards` over `roots` (which folder each store is) and `window` (how many deletions are many);
`vanishing` (while many files are missing, no deletion is sent); `holding` of single keys; `pauses`
of git, and the `hiatus` of a person.
"""
