"""The pure heart: what is known, what to do about it. Stdlib only, no IO, no clock.

The nouns (`model`, `decision`, `reading`, `writing`), the decision (`reconcile`), when to look
(`settle`, `doubt`, `flap`, `pause`, `putback`), which way (`direction`), when deletions wait
(`guard`), what still counts when ledger and deployment have parted (`epoch`), which file is which
under another name (`move`) and where it has gone (`whereabouts`). Merging (`merge`, `sequence`,
`lines`, `counter`, `authored`) of values that keep their spelling (`value`); what a text changes in
another (`delta`; `patience` finds it), how unlike they are (`words`), whether one's writer had read
the other (`unread`). What calls cost (`cost`), how fast and how far (`ceiling`),
how soon a few saves go (`pace`), how often a payload travels (`rest`), what waits with whole stores
(`backlog`).
"""
