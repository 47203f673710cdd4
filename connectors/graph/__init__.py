"""What a Facebook Page and an Instagram account have in common: Meta's Graph API, read by polling."""
