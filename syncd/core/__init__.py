"""The pure heart: what is known, what to do about it. Stdlib only, no IO, no clock."""
