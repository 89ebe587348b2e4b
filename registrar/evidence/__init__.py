"""What is known about an image before its approval: values, and their files; no verdict on it."""
