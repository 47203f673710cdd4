"""Where staff are asked: one module per chat."""
