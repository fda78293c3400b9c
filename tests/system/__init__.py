"""The program as people run it: real processes, real folders, the embedded backend."""
