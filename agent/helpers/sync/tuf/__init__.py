"""The Update Framework's metadata: fetched, verified, kept from going back."""
