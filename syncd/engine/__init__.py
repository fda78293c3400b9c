"""The verbs, in asyncio. Sees files and deployment only as the Protocols of `ports` and `freight`.

`session` wires everything between a start and a stop; `online` is the part of it that needs the
deployment. What may import what, each of them also what stands before it: `stops`, `turns`,
`naming`, `exchange`, then `payloads`, `lines` and `looking`; a test holds it.
"""
