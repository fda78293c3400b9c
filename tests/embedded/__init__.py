"""Tests of the embedded backend; most run it, and call it as its clients do."""
