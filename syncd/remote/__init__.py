"""The remote replica: a workspace on a Convex deployment."""
