"""Recording what a module does: lengths that stay symbolic, values, calls, and their graph."""
