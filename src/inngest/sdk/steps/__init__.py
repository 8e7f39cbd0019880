"""`ctx.step` and `ctx.group`: what is asked for, checked and named; and the step that runs."""
