"""The remote replica: a workspace on a Convex deployment.

`client` calls functions over HTTP, `trouble` tells what goes wrong, `meter` counts and bounds the
calls, `patience` tries again; `wire`, `operation`, `message` are what is said; `replica` has the
verbs, `logs` those of lines, `storage` those of payloads; `listener` wakes up, by the official
client in a child process.
"""
