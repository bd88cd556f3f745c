"""What is known of the data's quality, on one page that needs no network to be read."""
