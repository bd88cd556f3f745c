"""Personal data: keys that can be destroyed, and the treatment of each class before a row touches disk."""
