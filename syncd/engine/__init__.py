"""The verbs, in asyncio. Sees files and deployment only as the Protocols of `ports`."""
