"""The owner's week: composed once, sent once, and honest about what it does not know."""
