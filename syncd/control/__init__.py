"""How commands reach the daemon: one line in, one line out, over a unix socket of its own.

`messages` is what is said, `channel` the daemon's end, `client` the command's. `acts` does what is
asked, in the daemon or, where none runs, in the command itself.
"""
