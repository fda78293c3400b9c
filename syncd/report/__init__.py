"""What is told of how things are: read from the ledger, with or without a daemon.

`standing` has the facts and `judging` what follows from them, both pure; `status` puts them
together, with what was spent (`cost`). `listing` is of conflicts and the log, `explain` of one
path, `planning` of what the next turns would do.
"""
