"""What doctor sees, and what it says to type."""
