"""Where people speak; no connector knows another, none knows storage."""
