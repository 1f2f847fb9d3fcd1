"""Synthetic stand-ins for every month's raw files: Kaggle's names, columns and formats, a few hundred seeded rows."""
