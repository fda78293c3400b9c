"""The deployment: met, sent to, heard.

`link` ties the ledger to it, with `bootstrap` at first contact and `epoch` where the two have
parted. `pusher` sends what is queued; `puller` hears the `feed`: the `witnesses` it shows, what is
`known` already, how far we are (`presence`). `teller` tells of conflicts,
`asker` asks who wrote, and `tombstones` are forgotten.
"""
