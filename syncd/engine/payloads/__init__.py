"""Large and binary files on their way through the deployment's file storage.

`carrier` runs both ways: `uploads` of what `outgoing` reads, `downloads` by way of `incoming`, and
what came and is `unawaited`; `transfers` says how far they are.
"""
