"""What the three command lines share. Only their modules import it: it needs click, and prints."""
