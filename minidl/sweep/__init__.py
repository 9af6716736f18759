"""Many runs at once: a grid of members; those of one kind train side by side, in lanes."""
