"""Work lists: findings about reads and exceptions of bills, and what people decide about them."""
