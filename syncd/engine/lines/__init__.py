"""Files that grow line by line: each new line is a row, once.

`tailer` follows the files, `generations` tells which file is the life of which log (`continuing`:
which one goes on with it), `appender` sends what lies behind its offset.
"""
