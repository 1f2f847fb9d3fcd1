"""Which rows train and which validate: decided, stored, fingerprinted, checked."""
