"""Only looking: what turns would do (`preview`), and whether both sides are equal (`verify`)."""
