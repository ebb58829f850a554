"""Keys, and files and texts that only they open. Knows nothing of settings, records or stores."""
