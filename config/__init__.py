"""What the business told us; imports none of ours."""
