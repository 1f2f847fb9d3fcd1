"""Pictures for people of what a run learned: curves, errors, and what its models look at."""
