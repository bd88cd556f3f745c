"""What would change, before it does: between releases, and between declarations and what is deployed."""
