"""Where staff are asked: one small core that knows the life of a card, and one module per chat that knows only its chat."""
