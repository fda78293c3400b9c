"""What names keys, and when they are looked at.

`intake` gathers what is named and has turns consider it. Beside the watcher and the deployment,
keys are named by walks (`rescan`), by the clock (`audit`, `patience`), by programs that write late
(`late`), and by files that take long to read (`apart`).
"""
