"""How the business answers; the only folder that may speak for it."""
