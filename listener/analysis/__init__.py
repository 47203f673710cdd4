"""What a mention is, feels and wants: pure functions, no input or output."""
