"""What is inside a store: which files, in which format. Pure."""
