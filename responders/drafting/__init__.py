"""From a mention to a proposed reply."""
