"""Many runs at once: a grid of members, cut into stacks that train as one tensor program each."""
