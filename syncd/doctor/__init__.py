"""What `syncd doctor` looks at: each check says what it saw, and what to type where that is bad.

Nothing is changed, but for a folder `.syncd-doctor-*` that is made in each store and removed.
"""
