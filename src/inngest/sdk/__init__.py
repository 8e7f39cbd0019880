"""The developer's half: clients, functions, steps, and how one invocation of a function behaves."""
