"""The queue in a browser."""
