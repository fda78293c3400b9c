"""How things are, told to whoever does not ask by a command.

`pulse` feeds the service manager (`supervisor`), people (`notify`), and the `endpoint` for probes
and Prometheus (`metrics`, with the log's words as `tally` counts them).
"""
